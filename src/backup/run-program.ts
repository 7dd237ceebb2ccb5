import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { BackupAwarenessError } from "../contract/errors.ts";
import { openProgramOutput } from "./program-output.ts";
import { systemErrorText } from "./system-error.ts";

/** How long a program that was asked to end may take before it is killed. */
const killAfterMs = 5_000;
/** How much is kept of what a program says of itself. */
export const errorTailLines = 20;
export const longestErrorLine = 1_000;

export type ProgramCall = {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** After so long without a byte the program is ended: every wait has a limit. */
  readonly silenceLimitMs: number;
  readonly onErrorLine: (line: string) => void;
  /** The taker needs a piece no longer than until its promise resolves, so that its memory is used again. */
  readonly lendsData?: true;
};

export type ProgramEnd = {
  /** null: a signal ended it. */
  readonly exitCode: number | null;
  readonly signalName: string | null;
  /** The last lines that it wrote to standard error. */
  readonly tail: readonly string[];
};

/**
 * Runs a program to its end and hands on what it writes to standard output, waiting for the taker. Throws what `onData` throws, the signal's reason, and
 * BACKUP_FAILED when the program cannot be started or falls silent; in each case the program has ended before.
 */
export async function runProgram(call: ProgramCall, onData: (data: Buffer) => Promise<void>): Promise<ProgramEnd> {
  call.signal.throwIfAborted();
  const output = await openProgramOutput();
  if (call.signal.aborted) {
    output.programEnd.destroy();
    output.close();
    throw call.signal.reason;
  }
  const child = spawn(call.program, call.arguments, {
    cwd: "/",
    env: { ...call.env, LC_ALL: "C" },
    stdio: ["ignore", output.programEnd, "pipe"],
  });
  output.programEnd.destroy();
  const tail: string[] = [];
  const errorLines = createInterface({ input: child.stderr, crlfDelay: Infinity });
  errorLines.on("line", (line) => {
    const shortened = line.length > longestErrorLine ? `${line.slice(0, longestErrorLine)}…` : line;
    tail.push(shortened);
    if (tail.length > errorTailLines) tail.shift();
    call.onErrorLine(shortened);
  });
  const ended = new Promise<ProgramEnd>((resolve, reject) => {
    child.once("error", (error) => {
      reject(
        new BackupAwarenessError("BACKUP_FAILED", `cannot run "${call.program}": ${systemErrorText(error)}`, {
          cause: error,
        }),
      );
    });
    child.once("close", (exitCode, signalName) => {
      resolve({ exitCode, signalName, tail });
    });
  });
  ended.catch(() => undefined);
  const stop = stopper(
    () => child.kill("SIGTERM"),
    () => child.kill("SIGKILL"),
  );
  const failures: unknown[] = [];
  const fail = (error: unknown): void => {
    if (failures.push(error) > 1) return;
    stop.begin();
    // A child of the child may hold the pipe open for ever.
    output.close();
    child.stderr.destroy();
  };
  const onAbort = () => {
    fail(call.signal.reason);
  };
  call.signal.addEventListener("abort", onAbort, { once: true });
  const silence = silenceWatch(call, fail);
  try {
    await output.read(async (data) => {
      silence.pause();
      await onData(call.lendsData === true ? data : Buffer.from(data));
      silence.resume();
    });
  } catch (error) {
    fail(error);
  }
  try {
    const end = await ended;
    if (failures.length > 0) throw failures[0];
    return end;
  } finally {
    call.signal.removeEventListener("abort", onAbort);
    silence.pause();
    stop.end();
    errorLines.close();
  }
}

function stopper(ask: () => void, kill: () => void) {
  let timer: NodeJS.Timeout | null = null;
  return {
    begin(): void {
      ask();
      timer = setTimeout(kill, killAfterMs);
    },
    end(): void {
      if (timer !== null) clearTimeout(timer);
    },
  };
}

function silenceWatch(call: ProgramCall, fail: (error: unknown) => void) {
  const tell = () => {
    fail(
      new BackupAwarenessError(
        "BACKUP_FAILED",
        `${call.program} wrote nothing for ${Math.round(call.silenceLimitMs / 1000)} s and was ended`,
        {
          hint: "look at the server's load and locks, and at the network",
        },
      ),
    );
  };
  let timer: NodeJS.Timeout | null = setTimeout(tell, call.silenceLimitMs);
  return {
    pause(): void {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
    resume(): void {
      timer = setTimeout(tell, call.silenceLimitMs);
    },
  };
}

/** How a program ended, in words, with what it said last. */
export function describeEnd(program: string, end: ProgramEnd): string {
  const how =
    end.signalName === null ? `ended with exit code ${end.exitCode ?? "unknown"}` : `was killed by ${end.signalName}`;
  return `${program} ${how}${end.tail.length === 0 ? " and said nothing" : `: ${end.tail.join("\n")}`}`;
}
