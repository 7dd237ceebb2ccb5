import { mkdtemp, readdir, rmdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Settings } from "../../settings/settings.ts";
import { scopesBesideArchive } from "../beside-archive.ts";
import { humanSize } from "../../contract/human-size.ts";
import { systemErrorText } from "../system-error.ts";
import { type Finding, fine, problem, warning } from "./finding.ts";

/** The next archive may be so much larger than the last. */
const growth = 1.2;
const nameTheDirectory = "name another place with directory in [archive] of config.toml";

/** Whether the next archive can be written, and whether it would outlive the disk of what it protects. */
export async function examineArchive(settings: Settings, databaseBytes: number | null): Promise<readonly Finding[]> {
  const directory = settings.archiveDirectory;
  const place = await existingPlace(directory);
  return [
    await examineWriting(directory, place),
    ...(await examineSpace(directory, place, databaseBytes)),
    await examineNeighbours(settings),
  ];
}

/** By doing it: what modes, quotas and read-only file systems allow is known only then. */
async function examineWriting(directory: string, place: string): Promise<Finding> {
  try {
    await rmdir(await mkdtemp(join(place, ".backup-awareness-doctor-")));
    return fine("archive", place === directory ? `"${directory}" can be written` : `"${directory}" can be created`);
  } catch (error) {
    return problem(
      "archive",
      `"${place}" cannot be written: ${systemErrorText(error)}`,
      `make it writable, or ${nameTheDirectory}`,
    );
  }
}

async function examineSpace(
  directory: string,
  place: string,
  databaseBytes: number | null,
): Promise<readonly Finding[]> {
  const { bavail, bsize } = await statfs(place);
  return [
    judgeSpace({ freeBytes: bavail * bsize, lastArchiveBytes: await lastArchiveBytes(directory), databaseBytes }),
  ];
}

/**
 * The last archive tells best what the next one takes. Without one, the databases' size is an upper bound of their dumps, which
 * are compressed; files are not counted.
 */
export function judgeSpace(space: {
  readonly freeBytes: number;
  readonly lastArchiveBytes: number | null;
  readonly databaseBytes: number | null;
}): Finding {
  const free = `${humanSize(space.freeBytes)} are free`;
  const makeRoom = `remove old archives, or ${nameTheDirectory}`;
  if (space.lastArchiveBytes !== null) {
    const last = `the last archive took ${humanSize(space.lastArchiveBytes)}`;
    if (space.freeBytes < space.lastArchiveBytes) return problem("archive", `${free}; ${last}`, makeRoom);
    if (space.freeBytes < space.lastArchiveBytes * growth) return warning("archive", `only ${free}; ${last}`, makeRoom);
    return fine("archive", `${free}; ${last}`);
  }
  if (space.freeBytes === 0) return problem("archive", "no space is free", makeRoom);
  if (space.databaseBytes !== null && space.freeBytes < space.databaseBytes) {
    return warning("archive", `${free}; the databases hold ${humanSize(space.databaseBytes)}, uncompressed`, makeRoom);
  }
  return fine("archive", free);
}

async function examineNeighbours(settings: Settings): Promise<Finding> {
  const beside = await scopesBesideArchive(settings);
  if (beside.length === 0) return fine("archive", "the archives lie on another file system than what they protect");
  return warning(
    "archive",
    `the archives lie on the same file system as what they protect (${beside.join(", ")}): one broken disk takes both`,
    nameTheDirectory,
  );
}

/** The directory itself, or the nearest one above it that is there. */
async function existingPlace(directory: string): Promise<string> {
  for (let place = directory; ; place = dirname(place)) {
    const found = await stat(place).catch(() => null);
    if (found !== null || place === dirname(place)) return place;
  }
}

/** An archive of some scopes alone, as archiveName in ../plan.ts names it: it tells nothing of the next whole one. */
const partialName = /-\d{8}T\d{6}Z-[a-z][^/]*\.tar\.zst$/;

/** The size of the newest archive that is not known to be of some scopes alone; null: there is none. */
async function lastArchiveBytes(directory: string): Promise<number | null> {
  const names = await readdir(directory).catch(() => []);
  const archives = await Promise.all(
    names
      .filter((name) => /^[^.].*\.tar(\.\w+)?$/.test(name) && !partialName.test(name))
      .map((name) => stat(join(directory, name)).catch(() => null)),
  );
  const newest = archives
    .filter((found) => found?.isFile() === true)
    .toSorted((one, other) => (other?.mtimeMs ?? 0) - (one?.mtimeMs ?? 0))[0];
  return newest?.size ?? null;
}
