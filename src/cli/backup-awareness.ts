import { backupAwarenessProgram } from "./program.ts";
import { runProgram } from "./run-program.ts";

await runProgram("backup-awareness", backupAwarenessProgram);
