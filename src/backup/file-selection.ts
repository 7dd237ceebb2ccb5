import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import { homePlaces } from "../settings/settings.ts";
import { systemErrorText } from "./system-error.ts";

export type FileSelection = {
  /** Absolute, none within another. */
  readonly paths: readonly string[];
  /** Absolute, as the walk from `paths` meets them. */
  readonly leftOut: readonly string[];
};

export type FileSelectionRequest = {
  readonly paths: readonly string[];
  readonly home: string;
  /** A directory that holds nothing but archives. */
  readonly archiveDirectory: string;
  /** Files of the run itself: the archive, its temporary file, the lock. */
  readonly ownFiles: readonly string[];
};

/**
 * What the files scope packs. Never packed: archives, and of our own home what is dumped (postgres) or means nothing elsewhere (spool, log, locks).
 * Where a configured path is a symbolic link, what it points to, over however many links, is packed as well, since a link alone would be a backup of nothing.
 * Throws BACKUP_FAILED, naming the path, where one does not exist.
 */
export async function selectFiles(request: FileSelectionRequest): Promise<FileSelection> {
  const given: string[] = [];
  for (const path of request.paths.map((each) => resolve(each))) {
    const target = await resolveGiven(path);
    given.push(path, ...(await furtherLinks(path)));
    const isLink = (await lstat(path)).isSymbolicLink();
    if (isLink) given.push(target);
  }
  const paths = withoutNested(given);
  const archiveDirectory = await realOrSame(request.archiveDirectory);
  const kept = [
    archiveDirectory,
    ...(await ownHomePlaces(request.home)),
    ...(await Promise.all(request.ownFiles.map(realOrSame))),
  ];
  const leftOut = new Set<string>();
  for (const path of paths) {
    const real = await realpath(path);
    if (real === archiveDirectory) {
      throw new BackupAwarenessError(
        "BACKUP_FAILED",
        `the path "${path}" of the scope files is the directory of the archives itself`,
        {
          hint: "set archive.directory in config.toml to a directory of its own",
        },
      );
    }
    for (const place of kept) {
      if (isWithin(place, real)) leftOut.add(join(path, relative(real, place)));
    }
  }
  return { paths, leftOut: withoutNested([...leftOut]) };
}

/** The links between a symbolic link and what it points to in the end: without one of them it points to nothing. */
async function furtherLinks(path: string): Promise<string[]> {
  const links: string[] = [];
  for (let place = path; (await lstat(place)).isSymbolicLink();) {
    place = resolve(await realpath(dirname(place)), await readlink(place));
    links.push(place);
  }
  return links;
}

async function resolveGiven(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw new BackupAwarenessError(
      "BACKUP_FAILED",
      `the path "${path}" of the scope files cannot be read: ${systemErrorText(error)}`,
      {
        hint: "correct scopes.files.paths in config.toml, or create it",
        cause: error,
      },
    );
  }
}

async function ownHomePlaces(givenHome: string): Promise<string[]> {
  const home = await realOrSame(givenHome);
  const names = await readdir(home).catch(() => []);
  const locks = names.filter((name) => name.endsWith(".lock"));
  return [...Object.values(homePlaces), ...locks].map((name) => join(home, name));
}

/** The real path, also of a file that is not there yet in a directory that is. */
async function realOrSame(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = await realpath(dirname(path)).catch(() => dirname(path));
    return join(parent, basename(path));
  }
}

function withoutNested(paths: readonly string[]): string[] {
  const unique = [...new Set(paths)];
  return unique.filter((path) => !unique.some((other) => other !== path && isWithin(path, other)));
}

/** Whether `path` lies below `directory`. */
export function isWithin(path: string, directory: string): boolean {
  const below = directory.endsWith(sep) ? directory : directory + sep;
  return path !== directory && path.startsWith(below);
}
