import { engineConfigProgram } from "./engine-config-program.ts";
import { runProgram } from "./run-program.ts";

await runProgram("engine-config", engineConfigProgram);
