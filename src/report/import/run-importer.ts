import { hostname } from "node:os";
import type { Readable } from "node:stream";
import type { Pool } from "pg";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { importerKinds } from "../../contract/importer.ts";
import { readListedBackups } from "../../database/importers.ts";
import type { ImporterSettings } from "../../settings/settings.ts";
import { keepCommandOutput, keepStream, withListFile } from "./fetch-list.ts";
import { importListing, type ImportResult, type ListingImport, recordFault } from "./import-listing.ts";
import type { KnownBackup } from "./kinds/dump-directory.ts";
import { readDirectoryList, readListFile } from "./read-list.ts";
import type { ReportStatus } from "../../contract/report.ts";

export type ImporterRun = {
  readonly pool: Pool;
  readonly importer: ImporterSettings;
  /** The host whose daemon reads it; null: it is read by hand. */
  readonly host: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What holds the list, instead of the tool. */
  readonly input: Readable | null;
  readonly now: () => Date;
  readonly signal: AbortSignal;
};

/**
 * Asks a tool for its list, or reads a directory, and brings into the database what it holds. That the tool cannot be asked, or its answer cannot be
 * believed, is recorded as the importer's fault and returned. Throws what the database does, and when `signal` aborts.
 */
export async function runImporter(run: ImporterRun): Promise<ImportResult> {
  const { pool, importer } = run;
  const identity: ListingImport["importer"] = {
    fqdn: importer.fqdn,
    scope: importer.scope,
    name: importer.name,
    kind: importer.kind,
    host: run.host,
  };
  const readAt = run.now();
  const context = { readAt, timeZone: importer.timeZone };
  const bring = (entries: ListingImport["entries"]): Promise<ImportResult> =>
    importListing({ pool, importer: identity, acceptsUnknown: importer.acceptsUnknown, readAt, entries });
  try {
    const { kind } = importer;
    if (kind === "dumps" || kind === "backup-history") {
      const known = await readKnown(pool, identity);
      const reading = {
        readAt,
        known: (archive: string) => known.get(archive),
        programPath: run.env["PATH"],
        signal: run.signal,
      };
      const directory = { path: importer.path ?? "", pattern: importer.pattern, minimumBytes: importer.minimumBytes };
      const entries = await readDirectoryList(kind, directory, context, reading);
      return await bring(async function* () {
        yield* entries;
      });
    }
    return await withListFile(
      (file) => fetchList(run, file),
      (file) => bring(() => readListFile(kind, file, context)),
    );
  } catch (error) {
    if (!(error instanceof BackupAwarenessError) || error.code !== "IMPORT_FAILED") throw error;
    const fault = error.hint === null ? error.message : `${error.message} (${error.hint})`;
    await recordFault(pool, identity, readAt, fault);
    return { listed: 0, recorded: 0, history: 0, matched: 0, gone: 0, fault };
  }
}

async function fetchList({ importer, env, input, signal }: ImporterRun, file: string): Promise<void> {
  if (input !== null) {
    await keepStream(input, file, signal);
    return;
  }
  const command = importer.command ?? importerKinds[importer.kind].command ?? [];
  // Tools that tell local times tell them in this zone.
  await keepCommandOutput({ command, env: { ...env, TZ: importer.timeZone, ...importer.environment }, signal }, file);
}

async function readKnown(pool: Pool, identity: ListingImport["importer"]): Promise<ReadonlyMap<string, KnownBackup>> {
  const known = new Map<string, KnownBackup>();
  for await (const page of readListedBackups(pool, identity))
    for (const { archive, status, doneAt } of page) known.set(archive, { status: status as ReportStatus, doneAt });
  return known;
}

/** This host's name, by which importers of its config.toml are told from others. */
export function importingHost(): string {
  return hostname();
}
