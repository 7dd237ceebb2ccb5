import { engineBackupProgram } from "./engine-backup/program.ts";
import { runProgram } from "./run-program.ts";

await runProgram("engine-backup", engineBackupProgram);
