import { hash } from "node:crypto";
import type { Pool } from "pg";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { type ImporterKind, importerKinds } from "../../contract/importer.ts";
import { endListing, type ImporterIdentity, noteListing, readListedBackups } from "../../database/importers.ts";
import type { ListedBackup, ListingEntry } from "./listed-backup.ts";

/** So many backups are noted in one transaction: other reports of the engine wait for no more. */
const batchItems = 1_000;

export type ListingImport = {
  readonly pool: Pool;
  readonly importer: ImporterIdentity & { readonly kind: ImporterKind };
  /** A backup whose outcome the list does not tell counts as completed. */
  readonly acceptsUnknown: boolean;
  readonly readAt: Date;
  /** Reads the list from its begin; is called twice, and gives the same each time. */
  readonly entries: () => AsyncIterable<ListingEntry>;
};

export type ImportResult = {
  /** Entries of the list. */
  readonly listed: number;
  /** That became reports with an event each. */
  readonly recorded: number;
  /** Older ones that were found for the first time. */
  readonly history: number;
  /** That had been reported and are now known to be listed. */
  readonly matched: number;
  /** That were listed and are no longer. */
  readonly gone: number;
  /** Why nothing was believed, or what is wrong with a part of the repository; null: nothing. */
  readonly fault: string | null;
};

/**
 * Brings what a tool's list holds into the database. The whole list is read before anything is recorded, so that nothing comes of one that is
 * broken; in memory is one batch, and eight bytes of each backup's name. Importing the same list twice records nothing twice. A fault of the
 * list is recorded and returned. Throws what the database does.
 */
export async function importListing(options: ListingImport): Promise<ImportResult> {
  const { pool, importer, readAt } = options;
  const survey = await surveyEntries(options.entries);
  if ("fault" in survey) {
    await recordFault(pool, importer, readAt, survey.fault);
    return { listed: 0, recorded: 0, history: 0, matched: 0, gone: 0, fault: survey.fault };
  }
  const total = { recorded: 0, history: 0, matched: 0 };
  const note = async (backups: readonly ListedBackup[]): Promise<void> => {
    const items = backups.map((backup) => (options.acceptsUnknown ? accepted(backup) : backup));
    const noted = await noteListing(pool, importer, items);
    total.recorded += noted.recorded;
    total.history += noted.history;
    total.matched += noted.matched;
  };
  // Once the newest of each outcome is known, all others are history.
  await note(survey.newest);
  let batch: ListedBackup[] = [];
  for await (const entry of options.entries()) {
    if (!("backup" in entry)) continue;
    batch.push(entry.backup);
    if (batch.length < batchItems) continue;
    await note(batch);
    batch = [];
  }
  if (batch.length > 0) await note(batch);
  // A list that tells its newest alone says nothing while it tells none.
  const gone =
    survey.count === 0 && !importerKinds[importer.kind].listsAll ? [] : await findGone(pool, importer, survey.names);
  const fault = survey.remarks.length === 0 ? null : survey.remarks.join("; ");
  await endListing(pool, importer, { readAt, isRead: true, gone, historyCount: total.history, fault });
  return { listed: survey.count, ...total, gone: gone.length, fault };
}

/** Records that a list could not be had. What is known of it stays. */
export async function recordFault(pool: Pool, importer: ImporterIdentity, readAt: Date, fault: string): Promise<void> {
  await endListing(pool, importer, { readAt, isRead: false, gone: [], historyCount: 0, fault });
}

type Survey = {
  readonly count: number;
  /** The newest backup of each outcome. */
  readonly newest: readonly ListedBackup[];
  readonly names: ReadonlySet<number>;
  readonly remarks: readonly string[];
};

async function surveyEntries(entries: ListingImport["entries"]): Promise<Survey | { readonly fault: string }> {
  const newest = new Map<string, ListedBackup>();
  const names = new Set<number>();
  const remarks: string[] = [];
  let count = 0;
  try {
    for await (const entry of entries()) {
      if ("fault" in entry) {
        remarks.push(entry.fault);
        continue;
      }
      const { backup } = entry;
      count++;
      names.add(shortHash(backup.archive));
      const former = newest.get(backup.status);
      if (former === undefined || backup.doneAt > former.doneAt) newest.set(backup.status, backup);
    }
  } catch (error) {
    if (!(error instanceof BackupAwarenessError) || error.code !== "IMPORT_FAILED") throw error;
    return { fault: error.hint === null ? error.message : `${error.message} (${error.hint})` };
  }
  return { count, newest: [...newest.values()].filter(({ status }) => status !== "started"), names, remarks };
}

function accepted(backup: ListedBackup): ListedBackup {
  return backup.status === "unknown"
    ? { ...backup, status: "completed", message: `${backup.message} Being listed is accepted as completed.` }
    : backup;
}

/** What was listed and is no longer. */
async function findGone(pool: Pool, importer: ImporterIdentity, names: ReadonlySet<number>): Promise<string[]> {
  const gone: string[] = [];
  for await (const page of readListedBackups(pool, importer))
    for (const { archive } of page) if (!names.has(shortHash(archive))) gone.push(archive);
  return gone;
}

/** 52 bits of a hash, which a double holds. */
function shortHash(text: string): number {
  return Number.parseInt(hash("sha1", text, "hex").slice(0, 13), 16);
}
