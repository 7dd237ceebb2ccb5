import { randomBytes } from "node:crypto";
import { lstat, mkdir, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import { systemErrorCode, systemErrorText } from "./system-error.ts";

/** What an unfinished archive is called: hidden, and of no form that anybody takes for a backup. */
const unfinishedPrefix = ".engine-backup-unfinished-";

export type UnfinishedArchive = {
  readonly path: string;
  readonly file: FileHandle;
};

/** Creates the directory of the archives where it is missing, closed to others. Throws BACKUP_FAILED. */
export async function createArchiveDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new BackupAwarenessError(
      "BACKUP_FAILED",
      `cannot create the archive directory "${directory}": ${systemErrorText(error)}`,
      {
        hint: "create it, or name another with archive.directory in config.toml",
        cause: error,
      },
    );
  }
}

/** Throws BACKUP_FAILED where a file of that name must not be replaced: a directory, a device. */
export async function demandReplaceable(path: string): Promise<void> {
  let found;
  try {
    found = await lstat(path);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return;
    throw new BackupAwarenessError("BACKUP_FAILED", `cannot look at "${path}": ${systemErrorText(error)}`, {
      cause: error,
    });
  }
  if (!found.isFile() && !found.isSymbolicLink()) {
    throw new BackupAwarenessError(
      "BACKUP_FAILED",
      `"${path}" is ${found.isDirectory() ? "a directory" : "no plain file"}`,
      {
        hint: "name a file with --file=FILE, or write to standard output with --file=-",
      },
    );
  }
}

/** A name that is not taken: the same name again within a second is counted up. */
export async function freeName(directory: string, name: string): Promise<string> {
  for (let number = 1; ; number++) {
    const candidate = join(directory, number === 1 ? name : name.replace(/(\.tar\.zst)$/, `-${number}$1`));
    const found = await lstat(candidate).catch(() => null);
    if (found === null) return candidate;
  }
}

/** Removes what dead runs left. The caller holds the directory's lock, so that nobody is writing one of these. */
export async function removeUnfinished(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.startsWith(unfinishedPrefix));
  for (const name of names) await rm(join(directory, name), { force: true });
  return names;
}

export async function createUnfinished(directory: string, pid: number): Promise<UnfinishedArchive> {
  const path = join(directory, `${unfinishedPrefix}${pid}-${randomBytes(4).toString("hex")}`);
  try {
    return { path, file: await open(path, "wx+", 0o600) };
  } catch (error) {
    throw new BackupAwarenessError(
      "BACKUP_FAILED",
      `cannot create a file in "${directory}": ${systemErrorText(error)}`,
      {
        hint: "make it writable, or name another place with --file=FILE or archive.directory in config.toml",
        cause: error,
      },
    );
  }
}

/** Gives a verified archive its name, and waits until the device knows it. */
export async function giveName(unfinished: string, path: string): Promise<void> {
  try {
    await rename(unfinished, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw new BackupAwarenessError(
      "BACKUP_FAILED",
      `cannot name the archive "${basename(path)}": ${systemErrorText(error)}`,
      { cause: error },
    );
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems cannot do that with a directory.
    if (systemErrorCode(error) !== "EINVAL") throw error;
  } finally {
    await handle.close();
  }
}
