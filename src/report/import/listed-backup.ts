import { BackupAwarenessError } from "../../contract/errors.ts";
import type { ReportStatus } from "../../contract/report.ts";

/** A backup as the tool's own list has it. */
export type ListedBackup = {
  /** By which the list tells it from all others. */
  readonly archive: string;
  /** What its maker calls it, where that is another word: a report may have named it so. */
  readonly name: string | null;
  readonly status: ReportStatus;
  /** The end of the run; of one that still goes on, and where the list knows no end, its start. */
  readonly doneAt: Date;
  readonly startedAt: Date | null;
  /** Whole numbers; a list may hold such as a double cannot. */
  readonly sizeBytes: bigint | null;
  readonly fileCount: bigint | null;
  readonly tool: string;
  readonly message: string;
};

/** What reading a list gives: its backups, in any order, and what is wrong with the repository although it can be listed. */
export type ListingEntry = { readonly backup: ListedBackup } | { readonly fault: string };

/** What a reader of lists must know beside the list. */
export type ListingContext = {
  /** The moment at which the list was asked for. */
  readonly readAt: Date;
  /** Where the tool ran: for times that are told without a zone. An IANA name. */
  readonly timeZone: string;
};

/** A list that cannot be believed: nothing of it is. `fault` says what was wrong, in lower case. */
export function listingError(fault: string, hint?: string, cause?: unknown): BackupAwarenessError {
  return new BackupAwarenessError("IMPORT_FAILED", fault, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
