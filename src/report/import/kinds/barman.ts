import type { ReportStatus } from "../../../contract/report.ts";
import {
  describe,
  type JsonObject,
  readCount,
  readObject,
  readOptionalObject,
  readOptionalText,
  readText,
  storable,
} from "../json-fields.ts";
import { type ListingContext, type ListingEntry, type ListedBackup, listingError } from "../listed-backup.ts";
import { parseMomentText, readEpoch, readOptionalMoment } from "../read-moment.ts";
import { type JsonPath, splitJson } from "../split-json.ts";

/** DONE alone is a backup. WAITING_FOR_WALS is copied, and becomes DONE or FAILED once its WAL has come, or has not. */
const statuses: Readonly<Record<string, ReportStatus>> = {
  DONE: "completed",
  FAILED: "failed",
  EMPTY: "started",
  STARTED: "started",
  SYNCING: "started",
  WAITING_FOR_WALS: "started",
};

/** `{"SERVER": […]}` of list-backups; `{"servers": {"SERVER": {"backups": {…}}}}` of diagnose. */
function isList(path: JsonPath): boolean {
  const isServer =
    path.length === 1 && path[0] !== "servers" && path[0] !== "global" && !String(path[0]).startsWith("_");
  return isServer || isDiagnosis(path);
}

function isDiagnosis(path: JsonPath): boolean {
  return path.length === 3 && path[0] === "servers" && path[2] === "backups";
}

/** `barman -f json list-backups SERVER`, which tells the end of a backup in seconds, or `barman diagnose`, which tells times with their zone. */
export async function* readBarman(
  chunks: AsyncIterable<string>,
  context: ListingContext,
): AsyncGenerator<ListingEntry> {
  let server: string | null = null;
  for await (const piece of splitJson(chunks, isList)) {
    if (piece.kind === "rest") {
      checkRest(piece.value);
      continue;
    }
    const name = String(isDiagnosis(piece.path) ? piece.path[1] : piece.path[0]);
    server ??= name;
    if (server !== name) throw severalServers([server, name]);
    yield { backup: toBackup(readObject(piece.value, "a backup"), context, "Barman") };
  }
}

/** `barman-cloud-backup-list --format json`. Its times may have no zone. */
export async function* readBarmanCloud(
  chunks: AsyncIterable<string>,
  context: ListingContext,
): AsyncGenerator<ListingEntry> {
  for await (const piece of splitJson(chunks, (path) => path.length === 1 && path[0] === "backups_list")) {
    if (piece.kind === "item") {
      yield { backup: toBackup(readObject(piece.value, "a backup"), context, "barman-cloud") };
      continue;
    }
    const list = readObject(piece.value, "the list")["backups_list"];
    if (!Array.isArray(list)) throw listingError(`"backups_list" of the list is ${describe(list)}, not a list`);
  }
}

function checkRest(document: unknown): void {
  const root = readObject(document, "the list");
  const errors = root["_ERROR"];
  if (errors !== undefined)
    throw listingError(
      `Barman says: ${Array.isArray(errors) ? errors.map((each) => (typeof each === "string" ? storable(each) : describe(each))).join("; ") : describe(errors)}`,
    );
  const servers = "servers" in root && "global" in root ? readObject(root["servers"], `"servers"`) : root;
  const lists = Object.entries(servers).filter(([key]) => !key.startsWith("_"));
  if (lists.length === 0) throw listingError("the list names no server");
  if (lists.length > 1) throw severalServers(lists.map(([key]) => key));
  for (const [key, value] of lists) {
    const list = servers === root ? value : readObject(value, `server ${key}`)["backups"];
    if (typeof list !== "object" || list === null)
      throw listingError(`the backups of server ${key} are ${describe(list)}, not a list`);
  }
}

function severalServers(names: readonly string[]): Error {
  return listingError(
    `the list holds several servers: ${names.join(", ")}`,
    "name the one that belongs to this engine: barman -f json list-backups SERVER",
  );
}

function toBackup(backup: JsonObject, { timeZone }: ListingContext, tool: string): ListedBackup {
  const archive = readText(backup, "backup_id", "a backup");
  const what = `backup ${archive}`;
  const word = readText(backup, "status", what);
  const status = Object.hasOwn(statuses, word) ? statuses[word] : undefined;
  if (status === undefined) throw listingError(`${what} has the status ${JSON.stringify(word)}, which is not known`);
  const endedAt =
    backup["end_time_timestamp"] === undefined
      ? readOptionalMoment(backup, "end_time", what, timeZone)
      : readEpoch(backup, "end_time_timestamp", what);
  const startedAt = readOptionalMoment(backup, "begin_time", what, timeZone) ?? startInName(archive, timeZone);
  const doneAt = status === "started" ? (startedAt ?? endedAt) : (endedAt ?? (status === "failed" ? startedAt : null));
  if (doneAt === null) throw listingError(`${what} has no time`);
  const error = readOptionalText(backup, "error", what);
  return {
    archive,
    name: readOptionalText(backup, "backup_name", what),
    status,
    doneAt,
    startedAt,
    sizeBytes: sizeOf(backup, what),
    fileCount: null,
    tool: tool.toLowerCase(),
    message: `${tool} lists ${what} as ${word}${error === null ? "" : `: ${error.slice(0, 1000)}`}.`,
  };
}

function sizeOf(backup: JsonObject, what: string): bigint | null {
  if (backup["size_bytes"] !== undefined) return readCount(backup, "size_bytes", what);
  // In list-backups `size` is words.
  if (typeof backup["size"] === "string") return null;
  return (
    readCount(backup, "size", what) ??
    readCount(readOptionalObject(backup, "base_backup_information", what), "size", what)
  );
}

/** A backup's number is the local time of its begin: 20150828T130001. */
function startInName(archive: string, timeZone: string): Date | null {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})$/.exec(archive) ?? [];
  return year === undefined ? null : parseMomentText(`${year}-${month}-${day}T${hour}:${minute}:${second}`, timeZone);
}
