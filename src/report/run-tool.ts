import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { OutputTail } from "./output-tail.ts";
import { openRealPipe } from "./real-pipe.ts";

/** Of the tool's output, so much goes into its report. */
const tailBytes = 4_096;
/** In so much of its end the summary is looked for. */
const summaryBytes = 65_536;
/** How long a tool that has run out of time may take to end in order. */
const timeoutGraceMs = 30_000;
/** How long what the tool itself has started may hold its output open once it has ended. */
const outputGraceMs = 5_000;

/** How a tool's run ended. */
export type ToolEnd = {
  readonly outcome:
    | { readonly kind: "exited"; readonly exitCode: number }
    | { readonly kind: "killed"; readonly signalName: NodeJS.Signals }
    /** It never ran. */
    | { readonly kind: "not started"; readonly reason: string; readonly isMissing: boolean };
  /** The end of its output, both streams in the order in which they came. */
  readonly tail: string;
  /** The same, more of it: for what can be read out of it. */
  readonly summary: string;
  /** The time that it had been given ran out, and it was ended. */
  readonly timedOut: boolean;
  readonly startedAt: Date;
  readonly endedAt: Date;
};

export type ToolCall = {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly now: () => Date;
  /** Then it gets SIGTERM, and SIGKILL half a minute later; null: it may take as long as it likes. */
  readonly timeoutMs: number | null;
};

/** A tool that runs, or failed to. */
export type RunningTool = {
  readonly ended: Promise<ToolEnd>;
  /** Hands a signal on. Nothing happens once it has ended. */
  kill(signalName: NodeJS.Signals): void;
};

/**
 * Runs a tool with our own standard input; its output is passed on byte for byte, no faster than it is taken, and its end is kept. When
 * nobody takes its output any more the tool learns it as it would without us.
 */
export async function runTool(call: ToolCall): Promise<RunningTool> {
  const startedAt = call.now();
  const tails = [new OutputTail(tailBytes), new OutputTail(summaryBytes)] as const;
  const [stdout, stderr] = [await openRealPipe(), await openRealPipe()];
  const child = spawn(call.command, call.arguments, {
    env: { ...call.env },
    stdio: ["inherit", stdout?.writeFd ?? "pipe", stderr?.writeFd ?? "pipe"],
  });
  for (const pipe of [stdout, stderr]) if (pipe !== null) closeSync(pipe.writeFd);
  const outputs = [
    { from: stdout?.readable ?? child.stdout, to: call.stdout },
    { from: stderr?.readable ?? child.stderr, to: call.stderr },
  ].flatMap(({ from, to }) => (from === null ? [] : [{ from, to }]));
  const passed = outputs.map(({ from, to }) => passOn(from, to, tails));
  const timeout = killAfter(child, call.timeoutMs);
  const ended = waitForEnd(child, passed).then((outcome) => {
    timeout.clear();
    for (const { from } of outputs) from.destroy();
    const [tail, summary] = [tails[0].text(), tails[1].text()];
    return { outcome, tail, summary, timedOut: timeout.hasPassed(), startedAt, endedAt: call.now() };
  });
  return {
    ended,
    kill: (signalName) => {
      child.kill(signalName);
    },
  };
}

function killAfter(child: ChildProcess, timeoutMs: number | null) {
  let passed = false;
  let timer: NodeJS.Timeout | null = null;
  if (timeoutMs !== null) {
    timer = setTimeout(() => {
      passed = child.kill("SIGTERM");
      timer = setTimeout(() => child.kill("SIGKILL"), timeoutGraceMs);
    }, timeoutMs);
  }
  return {
    hasPassed: () => passed,
    clear: () => {
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** Settles when everything has come and been handed on, or nobody takes it any more. */
function passOn(from: Readable, to: Writable, tails: readonly OutputTail[]): Promise<void> {
  const closed = Promise.withResolvers<undefined>();
  from.on("data", (chunk: Buffer) => {
    for (const tail of tails) tail.add(chunk);
  });
  from.on("error", () => undefined);
  from.once("close", () => {
    closed.resolve(undefined);
  });
  to.once("error", () => from.destroy());
  from.pipe(to, { end: false });
  return closed.promise;
}

async function waitForEnd(child: ChildProcess, passed: readonly Promise<void>[]): Promise<ToolEnd["outcome"]> {
  const exited = Promise.withResolvers<ToolEnd["outcome"]>();
  child.once("error", (error: NodeJS.ErrnoException) => {
    const isMissing = error.code === "ENOENT";
    exited.resolve({ kind: "not started", reason: isMissing ? "no such command" : reasonOf(error), isMissing });
  });
  child.once("exit", (exitCode, signalName) => {
    exited.resolve(signalName === null ? { kind: "exited", exitCode: exitCode ?? 1 } : { kind: "killed", signalName });
  });
  const outcome = await exited.promise;
  const patience = new AbortController();
  await Promise.race([
    Promise.all(passed),
    delay(outputGraceMs, undefined, { signal: patience.signal }).catch(() => undefined),
  ]);
  patience.abort();
  return outcome;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === "EACCES" ? "permission denied" : error.message;
}
