import { readCount, readObject, readOptionalObject, readOptionalText, readText, describe } from "../json-fields.ts";
import { type ListingContext, type ListingEntry, type ListedBackup, listingError } from "../listed-backup.ts";
import { readMoment, readOptionalMoment } from "../read-moment.ts";
import { splitJson } from "../split-json.ts";

/**
 * `restic snapshots --json`. `time` is when the run began; when it ended is known since 0.17. A snapshot of a run that could not read every file
 * (exit code 3) looks like any other, so that its outcome is unknown here; a report of the run knows it.
 */
export async function* readRestic(
  chunks: AsyncIterable<string>,
  context: ListingContext,
): AsyncGenerator<ListingEntry> {
  let host: string | null = null;
  for await (const piece of splitJson(chunks, (path, opener) => path.length === 0 && opener === "[")) {
    if (piece.kind === "rest") {
      // restic prints null where there is none.
      if (piece.value !== null && !Array.isArray(piece.value)) throw notTheList(piece.value);
      continue;
    }
    const snapshot = readObject(piece.value, "a snapshot");
    if ("group_key" in snapshot)
      throw listingError("the snapshots are grouped", "call restic snapshots --json without --group-by");
    const hostname = readOptionalText(snapshot, "hostname", "a snapshot") ?? "";
    host ??= hostname;
    if (host !== hostname) {
      throw listingError(
        `the list holds snapshots of several hosts, ${JSON.stringify(host)} and ${JSON.stringify(hostname)}`,
        "name the one that belongs to this engine: restic snapshots --json --host NAME",
      );
    }
    yield { backup: toBackup(snapshot, hostname, context) };
  }
}

function notTheList(document: unknown): Error {
  const said = typeof document === "object" && document !== null && "message" in document ? document.message : null;
  return listingError(
    typeof said === "string" ? `restic says: ${said}` : `the list is ${describe(document)}, not an array of snapshots`,
  );
}

function toBackup(
  snapshot: Readonly<Record<string, unknown>>,
  hostname: string,
  { timeZone }: ListingContext,
): ListedBackup {
  const archive = readText(snapshot, "id", "a snapshot");
  const what = `snapshot ${archive.slice(0, 8)}`;
  const summary = readOptionalObject(snapshot, "summary", what);
  const startedAt = readMoment(snapshot, "time", what, timeZone);
  const endedAt = readOptionalMoment(summary, "backup_end", what, timeZone);
  const paths = Array.isArray(snapshot["paths"]) ? snapshot["paths"].filter((path) => typeof path === "string") : [];
  return {
    archive,
    name: null,
    status: "unknown",
    doneAt: endedAt ?? startedAt,
    startedAt,
    sizeBytes: readCount(summary, "total_bytes_processed", what),
    fileCount: readCount(summary, "total_files_processed", what),
    tool: readOptionalText(snapshot, "program_version", what) ?? "restic",
    message:
      `restic lists ${what} of ${hostname}: ${paths.join(" ").slice(0, 500)}. Whether every file could be read, the list does not say` +
      (endedAt === null ? "; its time is that of the beginning." : "."),
  };
}
