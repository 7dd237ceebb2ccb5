import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import { homePlaces, type Settings } from "./settings.ts";

/**
 * Creates the home and the places below it where they are missing, closed to others: mode 0700. root's home is 0711, because its
 * embedded server runs as another user, who must pass through. Calling twice is safe.
 * Throws HOME_UNUSABLE where a place cannot be created or is not a directory.
 */
export async function createHome(settings: Pick<Settings, "home">, userId: number | null): Promise<void> {
  const passThroughMode = userId === 0 ? 0o711 : 0o700;
  await createDirectory(settings.home, passThroughMode);
  for (const place of Object.values(homePlaces)) {
    await createDirectory(join(settings.home, place), place === homePlaces.postgres ? passThroughMode : 0o700);
  }
}

/** Creates a directory of exactly that mode; one that exists is only opened as far as `mode` asks, never beyond 0711. */
async function createDirectory(path: string, mode: number): Promise<void> {
  try {
    const created = await mkdir(path, { recursive: true, mode });
    const found = await stat(path);
    if (!found.isDirectory()) throw new Error("not a directory");
    const lacks = (found.mode & mode) !== mode;
    // mkdir's mode is subject to the umask; a home made by hand may lack what the server's user needs.
    if (created !== undefined || lacks) await chmod(path, created === undefined ? (found.mode & 0o777) | mode : mode);
  } catch (error) {
    throw new BackupAwarenessError("HOME_UNUSABLE", `cannot create the directory "${path}": ${reasonOf(error)}`, {
      hint: "run as a user who may write there, or set BACKUP_AWARENESS_HOME to a directory that you own",
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    case "EEXIST":
    case "ENOTDIR":
      return "a file of that name is in the way";
    case "ENOSPC":
      return "no space left on the device";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
