import { type Command, CommanderError } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { type CommandContext, Interrupted } from "./command-context.ts";
import { printable } from "../contract/printable.ts";
import { createProcessContext } from "./process-context.ts";

/** What a command line that cannot be understood ends with. */
const usageExitCode = 2;

/**
 * Runs a program to its end: hands its command line to it, tells errors on stderr, ends the process with the exit code
 * that fits. Every launcher's file in src/cli calls it, and does nothing else.
 */
export async function runProgram(programName: string, build: (context: CommandContext) => Command): Promise<never> {
  const running = createProcessContext(programName);
  const { context } = running;
  let exitCode: number;
  try {
    await build(context).parseAsync(process.argv);
    const reason: unknown = context.signal.reason;
    exitCode = running.exitCode() ?? (reason instanceof Interrupted ? reason.exitCode : 0);
  } catch (error) {
    exitCode = tellError(context, error);
  }
  // Ending the process by hand, once all is written, keeps a slow name service from holding up a command that is done.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // process.exitCode: data that could not be written.
  return process.exit(exitCode === 0 ? Number(process.exitCode ?? 0) : exitCode);
}

/** Tells an error on stderr and returns the exit code that fits. */
export function tellError(context: Pick<CommandContext, "stderr" | "environment" | "signal">, error: unknown): number {
  const { stderr } = context;
  // Commander has told it already, or printed the help that was asked for.
  // Its own code for wrong usage is 1; another was set on purpose.
  if (error instanceof CommanderError) return error.exitCode === 1 ? usageExitCode : error.exitCode;
  const reason: unknown = context.signal.reason;
  // What fails while a command is being ended fails because of that.
  if (reason instanceof Interrupted) return reason.exitCode;
  const debug = context.environment.env["BACKUP_AWARENESS_DEBUG"] === "1";
  const label = stderr.paint(["bold", "red"], "error:");
  if (error instanceof BackupAwarenessError) {
    stderr.write(`${label} ${printable(error.message)}\n`);
    if (error.hint !== null) stderr.write(`${stderr.paint("bold", "hint:")} ${error.hint}\n`);
    if (debug) stderr.write(`${describe(error)}\n`);
    return error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`${label} ${printable(message).split("\n", 1)[0] ?? ""}\n`);
  if (debug) stderr.write(`${describe(error)}\n`);
  else
    stderr.write(
      `${stderr.paint("bold", "hint:")} nobody foresaw this; BACKUP_AWARENESS_DEBUG=1 shows where it comes from\n`,
    );
  return 1;
}

/** The stack, and those of the causes. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${describe(error.cause)}`;
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.errored !== null) resolve();
    else {
      stream.write("", () => {
        resolve();
      });
    }
  });
}
