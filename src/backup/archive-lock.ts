import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BackupAwarenessError } from "../contract/errors.ts";
import { identifyProcess } from "../database/embedded/process-identity.ts";
import { systemErrorCode, systemErrorText } from "./system-error.ts";

export const lockName = ".engine-backup.lock";

/** A holder shows that it lives; a lock of another host or container, whose processes cannot be seen from here, counts by that alone. */
const showLifeEveryMs = 20_000;
const lifelessAfterMs = 120_000;
/** How long a lock may be empty: its holder has created it and not yet written its name. */
const unwrittenMs = 2_000;
const unwrittenPollMs = 50;

export type LockHolder = {
  readonly pid: number;
  readonly hostName: string;
  readonly identity: string | null;
  readonly since: string;
};

export type ArchiveLock = { release(): Promise<void> };

/**
 * Makes this run the only engine-backup at work on a directory. The lock of a dead run is taken over. Throws BACKUP_RUNNING, saying who holds it and since
 * when, and BACKUP_FAILED where the directory cannot be written.
 */
export async function lockDirectory(
  directory: string,
  self: { readonly pid: number; readonly hostName: string; readonly clock: () => Date },
): Promise<ArchiveLock> {
  const path = join(directory, lockName);
  const holder: LockHolder = {
    pid: self.pid,
    hostName: self.hostName,
    identity: await identifyProcess(self.pid),
    since: self.clock().toISOString(),
  };
  const text = `${JSON.stringify(holder)}\n`;
  while (!(await createLock(path, text))) await removeIfDead(path, self);
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, showLifeEveryMs);
  timer.unref();
  return {
    async release(): Promise<void> {
      clearInterval(timer);
      // Somebody may have held us for dead, and hold it now.
      if ((await readFile(path, "utf8").catch(() => null)) === text) await rm(path, { force: true });
    },
  };
}

async function createLock(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    if (systemErrorCode(error) !== "EACCES") await rm(path, { force: true }).catch(() => undefined);
    throw new BackupAwarenessError(
      "BACKUP_FAILED",
      `cannot write into the archive directory: "${path}": ${systemErrorText(error)}`,
      {
        hint: "make it writable, or name another place with --file=FILE or archive.directory in config.toml",
        cause: error,
      },
    );
  }
}

/** Throws BACKUP_RUNNING while its holder lives. */
async function removeIfDead(path: string, self: { readonly hostName: string }): Promise<void> {
  const text = await readLock(path);
  if (text === null) return;
  const holder = parseHolder(text);
  if (holder !== null && (await isAlive(path, holder, self.hostName))) {
    const where = holder.hostName === self.hostName ? "" : ` on host ${holder.hostName}`;
    throw new BackupAwarenessError(
      "BACKUP_RUNNING",
      `another engine-backup is at work here: process ${holder.pid}${where}, since ${holder.since} (lock: "${path}")`,
      {
        hint: "wait for it to end",
      },
    );
  }
  // Two may find it dead at once: what was moved aside is looked at once more, and put back if it is another's.
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return;
    // A file system that became read-only: asking again would never end.
    throw new BackupAwarenessError(
      "BACKUP_FAILED",
      `cannot remove the lock of a dead run, "${path}": ${systemErrorText(error)}`,
      {
        hint: "make the directory writable, or name another place with --file=FILE or archive.directory in config.toml",
        cause: error,
      },
    );
  }
  if ((await readFile(aside, "utf8").catch(() => null)) === text) await rm(aside, { force: true });
  else await rename(aside, path).catch(() => undefined);
}

/** null: it is gone. */
async function readLock(path: string): Promise<string | null> {
  for (let waitedMs = 0; ; waitedMs += unwrittenPollMs) {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return null;
      throw new BackupAwarenessError("BACKUP_FAILED", `cannot read the lock "${path}": ${systemErrorText(error)}`, {
        cause: error,
      });
    }
    if (text.endsWith("\n") || waitedMs >= unwrittenMs) return text;
    await delay(unwrittenPollMs);
  }
}

async function isAlive(path: string, holder: LockHolder, hostName: string): Promise<boolean> {
  if (holder.hostName === hostName)
    return holder.identity !== null && holder.identity === (await identifyProcess(holder.pid));
  const found = await stat(path).catch(() => null);
  return found !== null && Date.now() - found.mtimeMs < lifelessAfterMs;
}

function parseHolder(text: string): LockHolder | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return null;
    const { pid, hostName, identity, since } = parsed as Record<string, unknown>;
    if (typeof pid !== "number" || typeof hostName !== "string" || typeof since !== "string") return null;
    return { pid, hostName, since, identity: typeof identity === "string" ? identity : null };
  } catch {
    return null;
  }
}
