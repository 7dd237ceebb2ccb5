import { createReadStream } from "node:fs";
import type { ImporterKind } from "../../contract/importer.ts";
import { readBackupHistory } from "./kinds/backup-history.ts";
import { readBarman, readBarmanCloud } from "./kinds/barman.ts";
import { readBorg } from "./kinds/borg.ts";
import { type DirectoryReading, readDumpDirectory } from "./kinds/dump-directory.ts";
import { readPgBackRest } from "./kinds/pgbackrest.ts";
import { readPgStatArchiver } from "./kinds/pg-stat-archiver.ts";
import { readRestic } from "./kinds/restic.ts";
import { readWalG, readWalVerify } from "./kinds/wal-g.ts";
import { decodeText, fromDocument } from "./list-text.ts";
import type { ListingContext, ListingEntry } from "./listed-backup.ts";

type ReadList = (chunks: AsyncIterable<string>, context: ListingContext) => AsyncIterable<ListingEntry>;

/** The kinds whose list is a tool's output. */
export type ListKind = Exclude<ImporterKind, "dumps" | "backup-history">;

const readers: Readonly<Record<ListKind, ReadList>> = {
  restic: readRestic,
  borg: readBorg,
  pgbackrest: readPgBackRest,
  barman: readBarman,
  "barman-cloud": readBarmanCloud,
  "wal-g": readWalG,
  "wal-verify": readWalVerify,
  archiver: readPgStatArchiver,
};

/** Reads what a tool printed. Throws IMPORT_FAILED where it is no list of that kind; entries before the fault have been handed out by then. */
export function readList(
  kind: ListKind,
  chunks: AsyncIterable<Uint8Array>,
  context: ListingContext,
): AsyncIterable<ListingEntry> {
  return readers[kind](fromDocument(decodeText(chunks)), context);
}

/** The same from a file that holds it. */
export function readListFile(kind: ListKind, file: string, context: ListingContext): AsyncIterable<ListingEntry> {
  return readList(kind, createReadStream(file, { highWaterMark: 262_144 }), context);
}

export type DirectoryList = {
  readonly path: string;
  readonly pattern: string | null;
  readonly minimumBytes: number;
};

/** Reads a directory that is a list. Throws IMPORT_FAILED. */
export async function readDirectoryList(
  kind: Exclude<ImporterKind, ListKind>,
  directory: DirectoryList,
  context: ListingContext,
  reading: DirectoryReading,
): Promise<ListingEntry[]> {
  const entries = kind === "dumps" ? readDumpDirectory(directory, reading) : readBackupHistory(directory.path, context);
  const all: ListingEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}
