import { lstat, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isWithin } from "../file-selection.ts";

/** Something that is replaced as a whole, by renaming. */
export type FilesUnit = {
  readonly target: string;
  readonly staged: string;
  readonly former: string;
  /** Whether it was there before. */
  readonly isThere: boolean;
  /** Whether the archive has it. */
  readonly isStaged: boolean;
};

/** Where the files of one file system are made ready, and where what they replace is kept. */
export type StagingRoot = { readonly root: string; readonly paths: readonly string[] };

export const stagingPrefix = ".engine-backup-restore-";

/** The directory of what is made ready, below a staging root, and of what was there before. */
export const stagedIn = (root: string) => join(root, "new");
export const formerIn = (root: string) => join(root, "former");

/**
 * Groups paths by their file system, since renaming works within one only, and names a staging directory for each, in the nearest directory that is there
 * already; for a mount point in itself. Nothing is made.
 */
export async function planStaging(paths: readonly string[], stamp: string): Promise<StagingRoot[]> {
  const roots = new Map<number, { root: string; paths: string[] }>();
  for (const path of paths) {
    const place = await stagingPlace(path);
    const { dev } = await lstat(place);
    const known = roots.get(dev);
    if (known === undefined) roots.set(dev, { root: join(place, `${stagingPrefix}${stamp}`), paths: [path] });
    else known.paths.push(path);
  }
  return [...roots.values()];
}

async function stagingPlace(path: string): Promise<string> {
  if (await isMountPoint(path)) return path;
  let place = dirname(path);
  while (!(await isDirectory(place))) place = dirname(place);
  return place;
}

/**
 * What is renamed to put a staged path in its place: the path itself, or what is in it where it cannot be moved, since something file systems are mounted on or that must stay lies
 * in it: our own database, archives and logs.
 */
export async function unitsOf(path: string, root: string, stays: readonly string[]): Promise<FilesUnit[]> {
  const staged = join(stagedIn(root), path);
  if (stays.includes(path) || path === root) return [];
  const isWhole = !(await isMountPoint(path)) && !stays.some((place) => isWithin(place, path)) && !isWithin(root, path);
  if (isWhole) {
    const [isThere, isStaged] = [await exists(path), await exists(staged)];
    return [{ target: path, staged, former: join(formerIn(root), path), isThere, isStaged }];
  }
  const names = new Set([...(await namesIn(path)), ...(await namesIn(staged))]);
  const units: FilesUnit[] = [];
  for (const name of names) units.push(...(await unitsOf(join(path, name), root, stays)));
  return units;
}

async function isMountPoint(path: string): Promise<boolean> {
  const [own, parent] = [await lstat(path).catch(() => null), await lstat(dirname(path)).catch(() => null)];
  return own?.isDirectory() === true && parent !== null && own.dev !== parent.dev;
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isDirectory() === true;
}

async function namesIn(path: string): Promise<string[]> {
  return readdir(path).catch(() => []);
}
