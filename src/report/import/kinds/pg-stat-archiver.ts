import { readObject, readText } from "../json-fields.ts";
import type { ListingContext, ListingEntry } from "../listed-backup.ts";
import { readOptionalMoment } from "../read-moment.ts";
import { splitJson } from "../split-json.ts";

/**
 * A row of `pg_stat_archiver` as JSON: what the server says of its archive_command. The newest WAL file that it handed over, or failed to; before the first there is
 * none. A failure counts while nothing was archived after it.
 */
export async function* readPgStatArchiver(
  chunks: AsyncIterable<string>,
  { timeZone }: ListingContext,
): AsyncGenerator<ListingEntry> {
  const what = "pg_stat_archiver";
  for await (const piece of splitJson(chunks, () => false)) {
    const row = readObject(piece.value, what);
    if (!("last_archived_time" in row) || !("last_failed_time" in row)) readText(row, "last_archived_time", what);
    const archivedAt = readOptionalMoment(row, "last_archived_time", what, timeZone);
    const failedAt = readOptionalMoment(row, "last_failed_time", what, timeZone);
    const hasFailed = failedAt !== null && (archivedAt === null || failedAt >= archivedAt);
    const doneAt = hasFailed ? failedAt : archivedAt;
    if (doneAt === null) continue;
    const wal = readText(row, hasFailed ? "last_failed_wal" : "last_archived_wal", what);
    yield {
      backup: {
        archive: wal,
        name: null,
        status: hasFailed ? "failed" : "completed",
        doneAt,
        startedAt: null,
        sizeBytes: null,
        fileCount: null,
        tool: "archive_command",
        message: hasFailed ? `The server could not archive WAL file ${wal}.` : `The server archived WAL file ${wal}.`,
      },
    };
  }
}
