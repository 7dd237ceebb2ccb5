import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { OutputTail } from "./output-tail.ts";

/** Of the tool's output, so much goes into its report. */
const tailBytes = 4_096;
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
export function runTool(call: ToolCall): RunningTool {
  const startedAt = call.now();
  const tail = new OutputTail(tailBytes);
  const child = spawn(call.command, call.arguments, { env: { ...call.env }, stdio: ["inherit", "pipe", "pipe"] });
  const ended = waitForEnd(child).then((outcome) => ({ outcome, tail: tail.text(), startedAt, endedAt: call.now() }));
  passOn(child.stdout, call.stdout, tail);
  passOn(child.stderr, call.stderr, tail);
  return {
    ended,
    kill: (signalName) => {
      child.kill(signalName);
    },
  };
}

function passOn(from: Readable, to: Writable, tail: OutputTail): void {
  from.on("data", (chunk: Buffer) => {
    tail.add(chunk);
  });
  from.on("error", () => undefined);
  to.once("error", () => from.destroy());
  from.pipe(to, { end: false });
}

async function waitForEnd(child: ChildProcess): Promise<ToolEnd["outcome"]> {
  const closed = once(child, "close").catch(() => undefined);
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
  await Promise.race([closed, delay(outputGraceMs, undefined, { signal: patience.signal }).catch(() => undefined)]);
  patience.abort();
  child.stdout?.destroy();
  child.stderr?.destroy();
  return outcome;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === "EACCES" ? "permission denied" : error.message;
}
