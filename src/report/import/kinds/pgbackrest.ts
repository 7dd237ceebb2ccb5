import type { ReportStatus } from "../../../contract/report.ts";
import {
  describe,
  type JsonObject,
  readArray,
  readCount,
  readObject,
  readOptionalObject,
  readOptionalText,
  readText,
} from "../json-fields.ts";
import { type ListingContext, type ListingEntry, type ListedBackup, listingError } from "../listed-backup.ts";
import { readEpoch } from "../read-moment.ts";
import { splitJson } from "../split-json.ts";

/** Of a stanza's status codes, those with which its list of backups is whole. */
const listable = new Map<bigint, "fine" | "partly">([
  [0n, "fine"],
  [2n, "fine"], // no valid backups: an empty list
  [4n, "partly"], // repositories differ: each has a code of its own
]);

/**
 * `pgbackrest info --output=json`. It ends well, and marks a backup with wrong page checksums by `error`. Backups of all repositories, and of databases that
 * the stanza had before an upgrade or a new initdb, stand in one list.
 */
export async function* readPgBackRest(
  chunks: AsyncIterable<string>,
  _context: ListingContext,
): AsyncGenerator<ListingEntry> {
  const backups: JsonObject[] = [];
  for await (const piece of splitJson(chunks, (path) => path.length === 2 && path[1] === "backup")) {
    if (piece.kind === "item") backups.push(readObject(piece.value, "a backup"));
    else yield* readStanzas(piece.value, backups);
  }
}

function* readStanzas(document: unknown, backups: readonly JsonObject[]): Generator<ListingEntry> {
  if (!Array.isArray(document)) throw listingError(`the list is ${describe(document)}, not an array of stanzas`);
  const [first, ...others] = document as unknown[];
  if (first === undefined) throw listingError("the list names no stanza", "configure one, or name it with --stanza");
  const stanza = readObject(first, "the stanza");
  const name = readText(stanza, "name", "the stanza");
  if (others.length > 0) {
    throw listingError(
      `the list holds ${others.length + 1} stanzas, each a database of its own`,
      `name the one that belongs to this engine: pgbackrest --stanza=${name} info --output=json`,
    );
  }
  const status = readObject(stanza["status"], `the status of stanza ${name}`);
  const code = readCount(status, "code", `the status of stanza ${name}`);
  const rating = code === null ? undefined : listable.get(code);
  if (rating === undefined) throw stanzaFault(name, status);
  readArray(stanza, "backup", `stanza ${name}`);
  const current = currentDatabases(stanza, name);
  for (const backup of backups) yield { backup: toBackup(backup, current) };
  if (rating === "partly") {
    const repositories = readArray(stanza, "repo", `stanza ${name}`).map((each) => readObject(each, "a repository"));
    const faults = repositories.flatMap((repository) => {
      const its = readObject(repository["status"], "the status of a repository");
      return readCount(its, "code", "the status of a repository") === 0n
        ? []
        : [`repository ${describe(repository["key"])}: ${readOptionalText(its, "message", "its status") ?? "no word"}`];
    });
    yield { fault: `stanza ${name}: ${faults.join("; ")}` };
  }
}

function stanzaFault(name: string, status: JsonObject): Error {
  const message = readOptionalText(status, "message", "the status") ?? "no word";
  return listingError(`pgBackRest says of stanza ${name}: ${message} (status code ${describe(status["code"])})`);
}

/** By repository: the number of the database that is backed up now, which is the highest. */
function currentDatabases(stanza: JsonObject, name: string): ReadonlyMap<bigint, bigint> {
  const current = new Map<bigint, bigint>();
  for (const each of readArray(stanza, "db", `stanza ${name}`)) {
    const database = readObject(each, "a database");
    const id = readCount(database, "id", "a database") ?? 0n;
    const repository = readCount(database, "repo-key", "a database") ?? 1n;
    if (id > (current.get(repository) ?? -1n)) current.set(repository, id);
  }
  return current;
}

function toBackup(backup: JsonObject, current: ReadonlyMap<bigint, bigint>): ListedBackup {
  const label = readText(backup, "label", "a backup");
  const what = `backup ${label}`;
  const database = readOptionalObject(backup, "database", what);
  const repository = readCount(database, "repo-key", what) ?? 1n;
  const timestamp = readObject(backup["timestamp"], `"timestamp" of ${what}`);
  const isCurrent = (readCount(database, "id", what) ?? null) === (current.get(repository) ?? null);
  const { error } = backup;
  if (error !== undefined && error !== null && typeof error !== "boolean")
    throw listingError(`"error" of ${what} is ${describe(error)}, neither true nor false`);
  const status: ReportStatus = !isCurrent ? "unknown" : error === true ? "incomplete" : "completed";
  return {
    // The same label may stand in two repositories.
    archive: `repo${repository}:${label}`,
    name: label,
    status,
    doneAt: readEpoch(timestamp, "stop", what),
    startedAt: readEpoch(timestamp, "start", what),
    sizeBytes: readCount(readOptionalObject(backup, "info", what), "size", what),
    fileCount: null,
    tool: toolOf(backup, what),
    message: `pgBackRest lists ${readOptionalText(backup, "type", what) ?? "a"} ${what} in repository ${repository}${remark(status)}.`,
  };
}

function remark(status: ReportStatus): string {
  switch (status) {
    case "incomplete":
      return ", with an error: page checksums are wrong in it";
    case "unknown":
      return ", of a database that the stanza had before";
    default:
      return "";
  }
}

function toolOf(backup: JsonObject, what: string): string {
  const version = readOptionalText(readOptionalObject(backup, "backrest", what), "version", what);
  return version === null ? "pgbackrest" : `pgbackrest ${version}`;
}
