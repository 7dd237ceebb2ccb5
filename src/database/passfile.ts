import { readFile, stat } from "node:fs/promises";

type Wanted = { readonly host: string; readonly port: number; readonly database: string; readonly user: string };

/** One line of libpq's password file; `*` stands for any value. */
export function formatPassfileLine(entry: {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}): string {
  return `${[entry.host, entry.port, entry.database, entry.user, entry.password].map((field) => field.replace(/[\\:]/g, "\\$&")).join(":")}\n`;
}

/** The password of the first line that fits, as libpq reads such a file; null: none fits. */
export function passwordFromPassfile(text: string, wanted: Wanted): string | null {
  for (const line of text.split(/\r?\n/)) {
    if (line === "" || line.startsWith("#")) continue;
    const [host, port, database, user, password] = splitLine(line);
    if (password === undefined) continue;
    const fits =
      matches(host, wanted.host.startsWith("/") ? "localhost" : wanted.host) &&
      matches(port, String(wanted.port)) &&
      matches(database, wanted.database) &&
      matches(user, wanted.user);
    if (fits) return unescape(password);
  }
  return null;
}

/**
 * The same from a file. null as well where it is missing, no plain file, or open to group or others: libpq passes over such files.
 */
export async function findPassword(path: string, wanted: Wanted): Promise<string | null> {
  try {
    const found = await stat(path);
    if (!found.isFile() || (found.mode & 0o077) !== 0) return null;
    return passwordFromPassfile(await readFile(path, "utf8"), wanted);
  } catch {
    return null;
  }
}

/** Four fields and the password, which takes the rest of the line. */
function splitLine(line: string): string[] {
  const fields = /^((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*)/.exec(
    line,
  );
  return fields === null ? [] : fields.slice(1);
}

function matches(field: string | undefined, wanted: string): boolean {
  return field === "*" || (field !== undefined && unescape(field) === wanted);
}

function unescape(field: string): string {
  return field.replace(/\\(.)/g, "$1");
}
