import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Readable } from "node:stream";
import { OutputTail } from "../output-tail.ts";
import { listingError } from "./listed-backup.ts";

const errorTailBytes = 4_096;
/** A tool that asks for a password, or waits for a lock, never ends. */
const commandTimeoutMs = 1_800_000;

/** Hands a file that holds the list to `work`, and removes it. It is read twice, and may be larger than memory. */
export async function withListFile<Result>(
  write: (file: string) => Promise<void>,
  work: (file: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "backup-awareness-import-"));
  try {
    const file = join(directory, "list");
    await write(file);
    return await work(file);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Keeps what comes on a stream. */
export async function keepStream(stream: Readable, file: string, signal: AbortSignal): Promise<void> {
  await pipeline(stream, createWriteStream(file, { mode: 0o600 }), { signal });
}

export type ListCommand = {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
};

/**
 * Runs a tool and keeps what it prints. Throws IMPORT_FAILED where it cannot be run, ends with another code than 0, or goes on for longer than half an
 * hour, quoting its last word.
 */
export async function keepCommandOutput({ command, env, signal }: ListCommand, file: string): Promise<void> {
  const [program = "", ...words] = command;
  const timeout = AbortSignal.timeout(commandTimeoutMs);
  const child = spawn(program, words, {
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.any([signal, timeout]),
  });
  const said = new OutputTail(errorTailBytes);
  child.stderr.on("data", (chunk: Buffer) => {
    said.add(chunk);
  });
  const ended = Promise.withResolvers<{ code: number | null; error: NodeJS.ErrnoException | null }>();
  child.once("error", (error: NodeJS.ErrnoException) => {
    ended.resolve({ code: null, error });
  });
  child.once("close", (code) => {
    ended.resolve({ code, error: null });
  });
  const printed = new OutputTail(errorTailBytes);
  child.stdout.on("data", (chunk: Buffer) => {
    printed.add(chunk);
  });
  await pipeline(child.stdout, createWriteStream(file, { mode: 0o600 })).catch(() => undefined);
  const { code, error } = await ended.promise;
  signal.throwIfAborted();
  if (timeout.aborted) throw listingError(`${program} did not end within half an hour`);
  if (error !== null)
    throw listingError(
      `${program} could not be run: ${error.code === "ENOENT" ? "no such command" : error.message}`,
      "is it on the PATH of the daemon?",
      error,
    );
  if (code === 0) return;
  const lastWord = (said.text() || printed.text()).trim().split("\n").at(-1)?.trim().slice(0, 500);
  throw listingError(
    `${program} ended with ${code === null ? "a signal" : `exit code ${code}`}${lastWord === undefined || lastWord === "" ? "" : `: ${lastWord}`}`,
  );
}
