import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import { describeArchive, type ArchiveDescription } from "./archive-reader/describe-archive.ts";
import { openArchive, type Archive } from "./archive-reader/open-archive.ts";
import type { Manifest } from "./manifest.ts";
import { systemErrorCode, systemErrorText } from "./system-error.ts";
import { readVerificationRecord, type VerificationRecord } from "./verification-record.ts";

/** An archive of ours in a directory, by its index and its manifest: what it holds has not been looked at. */
export type FoundArchive = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly manifest: Manifest;
  readonly members: ArchiveDescription["members"];
  /** null: never verified, or changed since. */
  readonly verification: VerificationRecord | null;
};

/** A file that begins as an archive of ours does, and cannot be taken for one. */
type UnusableArchive = { readonly path: string; readonly error: BackupAwarenessError };

export type FoundArchives = {
  /** The newest first. */
  readonly archives: readonly FoundArchive[];
  readonly unusable: readonly UnusableArchive[];
};

const openAtOnce = 8;

/**
 * The archives that our engine-backup has written into a directory; all other files are passed over. Reads no more of each than its beginning, its index and
 * its manifest. Throws ARCHIVE_UNREADABLE where the directory cannot be read; one that does not exist holds none.
 */
export async function findArchives(directory: string): Promise<FoundArchives> {
  const names = await listNames(directory);
  const archives: FoundArchive[] = [];
  const unusable: UnusableArchive[] = [];
  for (let at = 0; at < names.length; at += openAtOnce) {
    const paths = names.slice(at, at + openAtOnce).map((name) => join(directory, name));
    for (const found of await Promise.all(paths.map(examine))) {
      if (found === null) continue;
      if ("error" in found) unusable.push(found);
      else archives.push(found);
    }
  }
  archives.sort((one, other) => madeAtMs(other) - madeAtMs(one) || (one.path < other.path ? 1 : -1));
  return { archives, unusable };
}

/** The path of the newest archive of an engine; null: there is none. */
export async function findNewestArchive(directory: string, fqdn: string): Promise<string | null> {
  const { archives } = await findArchives(directory);
  return archives.find(({ manifest }) => manifest.fqdn === fqdn)?.path ?? null;
}

function madeAtMs({ manifest }: FoundArchive): number {
  return Date.parse(manifest.startedAt);
}

/** null: it is something else. */
async function examine(path: string): Promise<FoundArchive | UnusableArchive | null> {
  let archive: Archive | null = null;
  try {
    archive = await openArchive(path);
    if (!archive.isOwn) return null;
    if (archive.index === null) {
      const error = new BackupAwarenessError("ARCHIVE_TRUNCATED", "the archive is cut off: its index is missing");
      return { path, error };
    }
    const { manifest, members } = await describeArchive(archive, { env: {}, signal: new AbortController().signal });
    if (manifest === null) return null;
    return {
      path,
      sizeBytes: archive.sizeBytes,
      manifest,
      members,
      verification: await readVerificationRecord(path),
    };
  } catch (error) {
    if (!(error instanceof BackupAwarenessError)) throw error;
    // What does not begin as ours do is none of our business.
    const isOurs = archive !== null || error.code === "ARCHIVE_DAMAGED";
    return isOurs ? { path, error } : null;
  }
}

async function listNames(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && !entry.name.startsWith(".")).map(({ name }) => name);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw new BackupAwarenessError(
      "ARCHIVE_UNREADABLE",
      `cannot read the archive directory "${directory}": ${systemErrorText(error)}`,
      { hint: "run as a user who may read it, or name another with archive.directory in config.toml", cause: error },
    );
  }
}
