import { readdir, stat } from "node:fs/promises";
import { join, matchesGlob } from "node:path";
import { type ListedBackup, listingError, type ListingEntry } from "../listed-backup.ts";
import { storable } from "../json-fields.ts";
import { examineDump } from "./examine-dump.ts";

export type DumpDirectory = {
  readonly path: string;
  /** Which files are dumps, as the shell matches names; null: all. */
  readonly pattern: string | null;
  /** A smaller one is none. */
  readonly minimumBytes: number;
};

/** What is known from an earlier look: a file that has not changed since is not read again. */
export type KnownBackup = Pick<ListedBackup, "status" | "doneAt">;

export type DirectoryReading = {
  readonly readAt: Date;
  readonly known: (archive: string) => KnownBackup | undefined;
  /** The variable PATH. */
  readonly programPath: string | undefined;
  readonly signal: AbortSignal;
};

/** A file that was written to so lately may still be being written. */
const youngMs = 120_000;

/**
 * The dump files of a directory, each named by its file and with the time of its last change. Each is read to its end once. One that does not look whole and was
 * written to within the last two minutes is passed over: it may still be being written.
 */
export async function* readDumpDirectory(
  directory: DumpDirectory,
  reading: DirectoryReading,
): AsyncGenerator<ListingEntry> {
  for (const name of await listFiles(directory.path)) {
    if (name.startsWith(".") || (directory.pattern !== null && !matchesGlob(name, directory.pattern))) continue;
    const file = join(directory.path, name);
    const found = await stat(file, { bigint: true }).catch(() => null);
    if (!found?.isFile()) continue;
    const doneAt = new Date(Number(found.mtimeMs));
    const known = reading.known(storable(name));
    const judged =
      known?.doneAt.getTime() === doneAt.getTime()
        ? { status: known.status, remark: "unchanged" }
        : await judge(file, found.size, doneAt, directory, reading);
    if (judged === null) continue;
    const { status, remark } = judged;
    yield {
      backup: {
        archive: storable(name),
        name: storable(file),
        status,
        doneAt,
        startedAt: null,
        sizeBytes: found.size,
        fileCount: null,
        tool: "dump",
        message: `${storable(file)}: ${remark}.`,
      },
    };
  }
}

/** null: not to be judged yet. */
async function judge(
  file: string,
  sizeBytes: bigint,
  doneAt: Date,
  directory: DumpDirectory,
  reading: DirectoryReading,
): Promise<{ readonly status: ListedBackup["status"]; readonly remark: string } | null> {
  const isYoung = reading.readAt.getTime() - doneAt.getTime() < youngMs;
  const broken = (fault: string) => (isYoung ? null : ({ status: "failed", remark: fault } as const));
  if (sizeBytes < BigInt(directory.minimumBytes))
    return broken(`it has ${sizeBytes} bytes; a dump has at least ${directory.minimumBytes}`);
  const finding = await examineDump(file, reading.programPath, reading.signal).catch((error: unknown) => {
    if (reading.signal.aborted) throw error;
    return {
      kind: "broken",
      fault: `it cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    } as const;
  });
  switch (finding.kind) {
    case "whole":
      return { status: "completed", remark: finding.how };
    case "broken":
      return broken(finding.fault);
    case "unknown":
      return { status: "unknown", remark: finding.why };
  }
}

/** Names in order. Throws IMPORT_FAILED where the directory cannot be listed. */
export async function listFiles(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).toSorted();
  } catch (error) {
    throw listingError(
      `the directory cannot be listed: ${error instanceof Error ? error.message : String(error)}`,
      "is it mounted, and may this user read it?",
      error,
    );
  }
}
