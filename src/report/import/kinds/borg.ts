import { describe, readCount, readObject, readOptionalObject, readOptionalText, readText } from "../json-fields.ts";
import { type ListingContext, type ListingEntry, type ListedBackup, listingError } from "../listed-backup.ts";
import { readMoment, readOptionalMoment } from "../read-moment.ts";
import { splitJson } from "../split-json.ts";

/** What a run leaves behind that did not end: no backup. */
const checkpoint = /\.checkpoint(?:\.\d+)?$/;

/**
 * `borg list --json` and `borg info --json` of borg 1, `borg repo-list --json` of borg 2, and borgmatic's lists of these. borg 1 tells local times without a zone.
 * Their end is told by info, and by list with `--format '{end}'`. An archive of a run that ended with a warning looks like any other, so that
 * its outcome is unknown here.
 */
export async function* readBorg(chunks: AsyncIterable<string>, context: ListingContext): AsyncGenerator<ListingEntry> {
  const seen = new OneHost();
  for await (const piece of splitJson(chunks, (path) => path.at(-1) === "archives" && path.length <= 2)) {
    if (piece.kind === "rest") {
      checkRest(piece.value);
      continue;
    }
    const archive = readObject(piece.value, "an archive");
    const name = readText(archive, "name", "an archive");
    if (checkpoint.test(name)) continue;
    seen.add(readOptionalText(archive, "hostname", `archive ${name}`));
    yield { backup: toBackup(archive, name, context) };
  }
}

/** Backups of another host are none of this engine. */
class OneHost {
  #host: string | null = null;

  add(host: string | null): void {
    if (host === null) return;
    this.#host ??= host;
    if (this.#host !== host) {
      throw listingError(
        `the list holds archives of several hosts, ${JSON.stringify(this.#host)} and ${JSON.stringify(host)}`,
        "name those of this engine: borg list --json --glob-archives 'HOST-*'",
      );
    }
  }
}

function checkRest(document: unknown): void {
  const repositories = Array.isArray(document) ? (document as unknown[]) : [document];
  for (const repository of repositories) {
    const { archives } = readObject(repository, "the list");
    if (!Array.isArray(archives)) throw listingError(`"archives" of the list is ${describe(archives)}, not a list`);
  }
  if (repositories.length !== 1) {
    throw listingError(
      `the list is of ${repositories.length} repositories`,
      "list one repository for each importer: the same backup in two of them would be counted twice",
    );
  }
}

function toBackup(
  archive: Readonly<Record<string, unknown>>,
  name: string,
  { timeZone }: ListingContext,
): ListedBackup {
  const what = `archive ${name}`;
  const stats = readOptionalObject(archive, "stats", what);
  const startedAt = readMoment(archive, "start" in archive ? "start" : "time", what, timeZone);
  const endedAt = readOptionalMoment(archive, "end", what, timeZone);
  return {
    archive: readText(archive, "id", what),
    name,
    status: "unknown",
    doneAt: endedAt ?? startedAt,
    startedAt,
    sizeBytes: readCount(stats, "original_size", what),
    fileCount: readCount(stats, "nfiles", what),
    tool: "borg",
    message:
      `borg lists ${what}. Whether its run ended with a warning, the list does not say` +
      (endedAt === null ? "; its time is that of the beginning." : "."),
  };
}
