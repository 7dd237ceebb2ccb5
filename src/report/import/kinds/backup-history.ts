import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { listingError, type ListingContext, type ListingEntry } from "../listed-backup.ts";
import { parseMomentText } from "../read-moment.ts";
import { storable } from "../json-fields.ts";
import { listFiles } from "./dump-directory.ts";

const historyFile = /^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/;

/**
 * The history files that PostgreSQL leaves in its WAL archive at the end of every base backup. They say that the server was told of the end; whether a
 * copy lies anywhere, they do not: the outcome is unknown.
 */
export async function* readBackupHistory(path: string, context: ListingContext): AsyncGenerator<ListingEntry> {
  for (const name of await listFiles(path)) {
    if (!historyFile.test(name)) continue;
    const fields = parse(await readFile(join(path, name), "utf8"));
    const doneAt = timeOf(fields, "STOP TIME", context.timeZone);
    if (doneAt === null) throw listingError(`${name} has no STOP TIME`);
    const label = fields.get("LABEL");
    yield {
      backup: {
        archive: name,
        name: null,
        status: "unknown",
        doneAt,
        startedAt: timeOf(fields, "START TIME", context.timeZone),
        sizeBytes: null,
        fileCount: null,
        tool: "PostgreSQL",
        message: `The server ended a base backup${label === undefined ? "" : ` (${label})`}. Where its copy lies, and whether it is whole, the WAL archive does not say.`,
      },
    };
  }
}

function parse(text: string): ReadonlyMap<string, string> {
  const lines = storable(text)
    .split("\n")
    .map((line) => /^([A-Z ]+): (.*)$/.exec(line));
  return new Map(lines.flatMap((match) => (match === null ? [] : [[match[1] ?? "", match[2] ?? ""]])));
}

/** In the zone of log_timezone, named by letters; those but UTC and GMT are ambiguous: the importer's own zone counts. */
function timeOf(fields: ReadonlyMap<string, string>, key: string, timeZone: string): Date | null {
  const text = fields.get(key);
  if (text === undefined) return null;
  return parseMomentText(/ (?:UTC|GMT)$/.test(text) ? text : text.replace(/ [A-Z]{2,6}$/, ""), timeZone);
}
