import { randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pid } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { identifyProcess } from "./process-identity.ts";

const pollMs = 25;
/** How many outdated tickets stay, so that a slow reader of the directory never misses the newest. */
const keptTickets = 16;

type Ticket = { readonly pid: number; readonly identity: string | null; readonly free: boolean };

/** A lock that is held. */
export type HeldLock = {
  /** Calling twice is safe. */
  release(): Promise<void>;
};

/** Runs `work` while no other process holds the lock; see takeLock. */
export async function withLock<Result>(
  directory: string,
  timeoutMs: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = await takeLock(directory, timeoutMs);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/**
 * Takes the lock of this directory, which is made. A holder that was killed has let go of it.
 * Throws HOME_IN_USE, naming the holder, when the lock is not given within `timeoutMs`; HOME_UNUSABLE where the directory cannot be written.
 *
 * How: the lock is the highest-numbered file in the directory. Who finds it free, or its holder dead, links the next number, which only
 * one can do, and owns the lock when its number then is the highest. Nothing is ever taken away from under a holder, so there
 * is no moment at which two can win.
 */
export async function takeLock(directory: string, timeoutMs: number): Promise<HeldLock> {
  try {
    const number = await takeTicket(directory, timeoutMs);
    let released: Promise<void> | null = null;
    return { release: () => (released ??= writeTicket(directory, number, { pid, identity: null, free: true })) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!["EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR"].includes(code)) throw error;
    throw new BackupAwarenessError("HOME_UNUSABLE", `cannot write in "${directory}" (${code})`, {
      hint: "run as the user whom it belongs to, with sudo for one, or look at the space left",
      cause: error,
    });
  }
}

/** The process that holds the lock of this directory, or null: nobody does. */
export async function findLockHolder(directory: string): Promise<number | null> {
  const newest = await newestTicket(directory).catch(() => 0);
  return newest === 0 ? null : holderOf(directory, newest);
}

async function takeTicket(directory: string, timeoutMs: number): Promise<number> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const identity = await identifyProcess(pid);
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const newest = await newestTicket(directory);
    const holder = newest === 0 ? null : await holderOf(directory, newest);
    if (holder === null && (await linkTicket(directory, newest + 1, { pid, identity, free: false }))) return newest + 1;
    if (holder !== null && Date.now() >= deadline) {
      throw new BackupAwarenessError(
        "HOME_IN_USE",
        `process ${holder} holds "${directory}"${timeoutMs === 0 ? "" : ` and did not let go of it within ${timeoutMs / 1000} s`}`,
        {
          hint: `wait for process ${holder} to end, or look at what it does`,
        },
      );
    }
    if (holder !== null) await delay(pollMs);
  }
}

/** The process that owns a ticket, or null: it is free, or its owner is dead. */
async function holderOf(directory: string, number: number): Promise<number | null> {
  const ticket = await readTicket(join(directory, String(number)));
  if (ticket === null || ticket.free) return null;
  return ticket.identity === (await identifyProcess(ticket.pid)) ? ticket.pid : null;
}

async function readTicket(path: string): Promise<Ticket | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof parsed !== "object" || parsed === null || !("pid" in parsed) || typeof parsed.pid !== "number")
      return null;
    const identity = "identity" in parsed && typeof parsed.identity === "string" ? parsed.identity : null;
    return { pid: parsed.pid, identity, free: "free" in parsed && parsed.free === true };
  } catch {
    // Gone, because a newer one exists, or torn by a power cut: whoever wrote it lives no more.
    return null;
  }
}

async function newestTicket(directory: string): Promise<number> {
  const numbers = (await readdir(directory)).map(Number).filter(Number.isSafeInteger);
  return Math.max(0, ...numbers);
}

/** True: the ticket is ours and the newest. */
async function linkTicket(directory: string, number: number, ticket: Ticket): Promise<boolean> {
  const draft = join(directory, `draft-${randomUUID()}`);
  await writeFile(draft, JSON.stringify(ticket), { mode: 0o600 });
  try {
    await link(draft, join(directory, String(number)));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  if ((await newestTicket(directory)) !== number) {
    await rm(join(directory, String(number)), { force: true });
    return false;
  }
  await rm(join(directory, String(number - keptTickets)), { force: true });
  return true;
}

async function writeTicket(directory: string, number: number, ticket: Ticket): Promise<void> {
  const draft = join(directory, `draft-${randomUUID()}`);
  await writeFile(draft, JSON.stringify(ticket), { mode: 0o600 });
  await rename(draft, join(directory, String(number)));
}
