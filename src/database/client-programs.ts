import { access, constants, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { compareVersions } from "./embedded/choose-postgres.ts";
import { listProgramDirectories, readVersion } from "./embedded/find-postgres.ts";

export type ClientProgramName = "pg_dump" | "pg_dumpall" | "pg_restore" | "psql";

/** One of PostgreSQL's client programs, found to run. */
export type ClientProgram = {
  readonly program: ClientProgramName;
  /** Absolute path of the executable. */
  readonly path: string;
  readonly major: number;
  readonly version: string;
};

/**
 * All versions of a client program on this machine, in `path` (the variable PATH) first, then where packages put them. Debian's /usr/bin/pg_dump is
 * passed over: it is a wrapper that chooses a version by its own rules, and the real ones are found beside it.
 */
export async function findClientPrograms(
  program: ClientProgramName,
  path: string | undefined,
): Promise<ClientProgram[]> {
  const directories = await listProgramDirectories(path);
  const found = await Promise.all(
    directories.map((directory) => probeClientProgram(program, join(directory, program))),
  );
  return found.filter((candidate) => candidate !== null);
}

/**
 * The one that fits a server: of its own major where there is one, else the next newer; never an older one, for pg_dump refuses that and the others
 * do not know the server's catalogs. Among equals the newest, then the first. null: none fits.
 */
export function chooseClientProgram(candidates: readonly ClientProgram[], serverMajor: number): ClientProgram | null {
  const fitting = candidates.filter(({ major }) => major >= serverMajor);
  const [best] = fitting.toSorted(
    (one, other) => one.major - other.major || compareVersions(other.version, one.version),
  );
  return best ?? null;
}

async function probeClientProgram(program: ClientProgramName, path: string): Promise<ClientProgram | null> {
  try {
    await access(path, constants.X_OK);
    if (basename(await realpath(path)) === "pg_wrapper") return null;
  } catch {
    return null;
  }
  const version = await readVersion(path, null);
  return version === null ? null : { program, path, ...version };
}
