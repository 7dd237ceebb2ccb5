import { execFile } from "node:child_process";
import { access, constants, readdir, realpath } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import type { PostgresInstallation } from "./choose-postgres.ts";
import type { ServerUser } from "./server-user.ts";

/** How long a program may take to tell its version. */
const versionTimeoutMs = 10_000;

/**
 * The directories in which PostgreSQL's programs may be: PATH's, then where packages put them, newest major first. Only those that exist, as real
 * paths, each once.
 */
export async function listProgramDirectories(path: string | undefined): Promise<string[]> {
  const packaged = await Promise.all([
    expand("/usr/lib/postgresql", /^\d+$/, "bin"),
    expand("/usr", /^pgsql-\d+$/, "bin"),
    expand("/opt/homebrew/opt", /^postgresql@\d+$/, "bin"),
    expand("/usr/local/opt", /^postgresql@\d+$/, "bin"),
  ]);
  const directories = new Set<string>();
  for (const candidate of [...(path ?? "").split(delimiter), ...packaged.flat()]) {
    if (!isAbsolute(candidate)) continue;
    const real = await realpath(candidate).catch(() => null);
    if (real !== null) directories.add(real);
  }
  return [...directories];
}

/** The machine's installations of PostgreSQL's server that `user` can run (null: that we can). */
export async function findInstallations(
  path: string | undefined,
  user: ServerUser | null,
): Promise<PostgresInstallation[]> {
  const directories = new Set<string>();
  for (const directory of await listProgramDirectories(path)) {
    const program = await realpath(join(directory, "postgres")).catch(() => null);
    if (program !== null) directories.add(dirname(program));
  }
  const probed = await Promise.all([...directories].map((directory) => probeInstallation(directory, "machine", user)));
  return probed.filter((installation) => installation !== null);
}

/** What is installed in a directory, or null: no complete server that `user` can run. */
export async function probeInstallation(
  binDirectory: string,
  origin: PostgresInstallation["origin"],
  user: ServerUser | null,
): Promise<PostgresInstallation | null> {
  try {
    await access(join(binDirectory, "initdb"), constants.X_OK);
  } catch {
    return null;
  }
  // To run it as the user in question is the one test that cannot err: it covers the way there, the libraries and the machine's architecture.
  const version = await readVersion(join(binDirectory, "postgres"), user);
  return version === null ? null : { binDirectory, origin, ...version };
}

/** What `program --version` tells; null: it does not run. */
export async function readVersion(
  program: string,
  user: ServerUser | null,
): Promise<{ major: number; version: string } | null> {
  try {
    const as = user === null ? {} : { uid: user.uid, gid: user.gid };
    const { stdout } = await promisify(execFile)(program, ["--version"], {
      cwd: "/",
      env: { LC_ALL: "C" },
      timeout: versionTimeoutMs,
      ...as,
    });
    return parseVersion(stdout);
  } catch {
    return null;
  }
}

/** "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" → 15, "15.18"; "9.6.24" has major 9. */
export function parseVersion(output: string): { major: number; version: string } | null {
  const [, version, major] = /\(PostgreSQL\) ((\d+)[^\s]*)/.exec(output) ?? [];
  return version === undefined || major === undefined ? null : { major: Number(major), version };
}

/** directory/NAME/below for each NAME that fits, highest number first. */
async function expand(directory: string, pattern: RegExp, below: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => pattern.test(name))
    .toSorted((one, other) => other.localeCompare(one, "en", { numeric: true }))
    .map((name) => join(directory, name, below));
}
