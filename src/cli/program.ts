import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { newProgram } from "./new-program.ts";

type AddCommand = (program: Command, context: CommandContext) => void;

/** One file each, in the order of the help. */
const commands: readonly AddCommand[] = [
];

/** The program `backup-awareness`: the daemon and the operators' commands. */
export function backupAwarenessProgram(context: CommandContext): Command {
  const program = newProgram(context, "Records every backup, warns while there is no full and fresh one, and shows the proof.");
  for (const add of commands) add(program, context);
  return program;
}
