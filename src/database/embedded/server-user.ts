import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { BackupAwarenessError } from "../../contract/errors.ts";

/** The operating system's user that runs the server. */
export type ServerUser = { readonly name: string; readonly uid: number; readonly gid: number };

/**
 * Who runs the server. null: we do, as who we are. PostgreSQL refuses to run as root, so for root it is the owner of the existing data directory,
 * else `postgres`, else `nobody`. Throws POSTGRES_FAILED where root has none of them.
 */
export async function findServerUser(userId: number | null, dataDirectory: string): Promise<ServerUser | null> {
  if (userId !== 0) return null;
  const users = parsePasswd(await readFile("/etc/passwd", "utf8").catch(() => ""));
  const owner = await stat(dataDirectory).catch(() => null);
  if (owner !== null && owner.uid !== 0) {
    return users.find((user) => user.uid === owner.uid) ?? { name: String(owner.uid), uid: owner.uid, gid: owner.gid };
  }
  const user = ["postgres", "_postgres", "nobody"]
    .map((name) => users.find((known) => known.name === name))
    .find((found) => found !== undefined);
  if (user === undefined) {
    throw new BackupAwarenessError(
      "POSTGRES_FAILED",
      "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it",
      {
        hint: "add one (useradd --system postgres), or run backup-awareness as an ordinary user",
      },
    );
  }
  return user;
}

/** The users of a passwd file that are not root. macOS' nobody is -2, kept there as an unsigned number by the kernel. */
export function parsePasswd(text: string): ServerUser[] {
  const users: ServerUser[] = [];
  for (const line of text.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (
      name === undefined ||
      name === "" ||
      name.startsWith("#") ||
      !/^-?\d+$/.test(uid ?? "") ||
      !/^-?\d+$/.test(gid ?? "")
    )
      continue;
    const user = { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
    if (user.uid !== 0) users.push(user);
  }
  return users;
}

/**
 * The first directory on the way to `path`, itself included, that this user may not enter, by owner, group and mode; null: the way is open.
 */
export async function findClosedDirectory(path: string, user: ServerUser): Promise<string | null> {
  const way: string[] = [];
  for (let at = path; !way.includes(at); at = dirname(at)) way.unshift(at);
  for (const directory of way) {
    const { mode, uid, gid } = await stat(directory);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return directory;
  }
  return null;
}
