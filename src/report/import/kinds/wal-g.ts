import type { ReportStatus } from "../../../contract/report.ts";
import { describe, readCount, readObject, readOptionalText, readText } from "../json-fields.ts";
import { type ListingContext, type ListingEntry, type ListedBackup, listingError } from "../listed-backup.ts";
import { readMoment, readOptionalMoment } from "../read-moment.ts";
import { splitJson } from "../split-json.ts";

/** `wal-g backup-list --detail --json`. Without --detail an entry tells when its file was written, not when, or whether, the backup ended. */
export async function* readWalG(chunks: AsyncIterable<string>, context: ListingContext): AsyncGenerator<ListingEntry> {
  for await (const piece of splitJson(chunks, (path, opener) => path.length === 0 && opener === "[")) {
    if (piece.kind === "rest") {
      if (piece.value !== null && !Array.isArray(piece.value))
        throw listingError(`the list is ${describe(piece.value)}, not an array of backups`);
    } else {
      yield { backup: toBackup(readObject(piece.value, "a backup"), context) };
    }
  }
}

function toBackup(backup: Readonly<Record<string, unknown>>, { timeZone }: ListingContext): ListedBackup {
  const name = readText(backup, "backup_name", "a backup");
  const what = `backup ${name}`;
  // Go writes the year 1 for a time that is not there.
  const given = (key: string): Date | null => {
    const value = backup[key];
    return typeof value === "string" && value.startsWith("0001-")
      ? null
      : readOptionalMoment(backup, key, what, timeZone);
  };
  const finishedAt = given("finish_time");
  const storage = readOptionalText(backup, "storage_name", what);
  return {
    archive: storage === null || storage === "default" ? name : `${storage}:${name}`,
    name,
    status: finishedAt === null ? "unknown" : "completed",
    doneAt: finishedAt ?? readMoment(backup, "time" in backup ? "time" : "modified", what, timeZone),
    startedAt: given("start_time"),
    sizeBytes: readCount(backup, "uncompressed_size", what),
    fileCount: null,
    tool: "wal-g",
    message:
      finishedAt === null
        ? `WAL-G lists ${what} without telling when it ended: list with --detail.`
        : `WAL-G lists ${what}.`,
  };
}

const verdicts: Readonly<Record<string, ReportStatus>> = { OK: "completed", WARNING: "unknown", FAILURE: "failed" };

/** `wal-g wal-verify integrity --json`: whether the WAL from the oldest backup on has no gap. One entry, of this moment. */
export async function* readWalVerify(
  chunks: AsyncIterable<string>,
  { readAt }: ListingContext,
): AsyncGenerator<ListingEntry> {
  for await (const piece of splitJson(chunks, () => false)) {
    const integrity = readObject(readObject(piece.value, "wal-verify's answer")["integrity"], `"integrity"`);
    const word = readText(integrity, "status", "integrity");
    const status = Object.hasOwn(verdicts, word) ? verdicts[word] : undefined;
    if (status === undefined) throw listingError(`wal-verify says ${JSON.stringify(word)}, which is not known`);
    const details = Array.isArray(integrity["details"])
      ? integrity["details"].map((each) => readObject(each, "a detail"))
      : [];
    const gaps = details.filter(({ status: found }) => found !== "FOUND");
    yield {
      backup: {
        archive: `wal-verify ${readAt.toISOString()}`,
        name: null,
        status,
        doneAt: readAt,
        startedAt: null,
        sizeBytes: null,
        fileCount: null,
        tool: "wal-g",
        message: `wal-verify says of the WAL archive: ${word}${gaps.length === 0 ? "" : `; ${describe(gaps)}`}.`,
      },
    };
  }
}
