import type { Pool } from "pg";
import { callProcedure } from "./procedure-errors.ts";

/** Whose list is read. */
export type ImporterIdentity = {
  readonly fqdn: string;
  readonly scope: string;
  readonly name: string;
  readonly kind: string;
  /** The host whose daemon reads it; null: it is read by hand. */
  readonly host: string | null;
};

/** A backup as note_listing takes it. */
export type ListedItem = {
  readonly archive: string;
  readonly name: string | null;
  readonly status: string;
  readonly doneAt: Date;
  readonly startedAt: Date | null;
  readonly sizeBytes: bigint | null;
  readonly fileCount: bigint | null;
  readonly tool: string;
  readonly message: string;
};

export type NotedItems = { readonly recorded: number; readonly history: number; readonly matched: number };

/** Takes note of some backups of a list, in one transaction. Calling twice is safe. @throws REPORT_INVALID */
export async function noteListing(
  pool: Pool,
  importer: ImporterIdentity,
  items: readonly ListedItem[],
): Promise<NotedItems> {
  return callProcedure("REPORT_INVALID", async () => {
    const { rows } = await pool.query<NotedItems>(
      "select recorded, history, matched from backup_awareness.note_listing($1, $2, $3, $4, $5, $6)",
      [importer.fqdn, importer.scope, importer.name, importer.kind, importer.host, JSON.stringify(items.map(asRow))],
    );
    return rows[0] ?? { recorded: 0, history: 0, matched: 0 };
  });
}

function asRow(item: ListedItem) {
  return {
    archive: item.archive,
    name: item.name,
    status: item.status,
    done_at: item.doneAt,
    started_at: item.startedAt,
    size_bytes: item.sizeBytes === null ? null : String(item.sizeBytes),
    file_count: item.fileCount === null ? null : String(item.fileCount),
    tool: item.tool,
    message: item.message,
  };
}

/** How the reading of a list ended. */
export type ListingEnd = {
  readonly readAt: Date;
  /** Whether all of it could be read. */
  readonly isRead: boolean;
  /** What was listed before and is no longer. */
  readonly gone: readonly string[];
  readonly historyCount: number;
  readonly fault: string | null;
};

/** Ends the reading of a list: works out in what it disagrees with the reports, and lets alerts follow. @throws REPORT_INVALID */
export async function endListing(pool: Pool, importer: ImporterIdentity, end: ListingEnd): Promise<void> {
  await callProcedure("REPORT_INVALID", () =>
    pool.query("select backup_awareness.end_listing($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", [
      importer.fqdn,
      importer.scope,
      importer.name,
      importer.kind,
      importer.host,
      end.readAt,
      end.isRead,
      end.gone,
      end.historyCount,
      end.fault,
    ]),
  );
}

/** A backup that was listed when the list was read last. */
export type KnownItem = { readonly archive: string; readonly status: string; readonly doneAt: Date };

const pageRows = 10_000;

/** What was listed when the list was read last, in pages. */
export async function* readListedBackups(pool: Pool, importer: ImporterIdentity): AsyncGenerator<readonly KnownItem[]> {
  for (let after = ""; ;) {
    const { rows } = await callProcedure("REPORT_INVALID", () =>
      pool.query<{ archive: string; status: string; done_at: Date }>(
        `select archive, status, done_at from backup_awareness.listed_backup
         where fqdn = lower($1) and scope = $2 and importer = $3 and archive > $4 order by archive limit $5`,
        [importer.fqdn, importer.scope, importer.name, after, pageRows],
      ),
    );
    if (rows.length > 0) yield rows.map(({ archive, status, done_at }) => ({ archive, status, doneAt: done_at }));
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    after = last.archive;
  }
}

/** What is known of an importer. */
export type ImporterStatus = ImporterIdentity & {
  readonly ranAt: Date;
  readonly succeededAt: Date | null;
  readonly fault: string | null;
  readonly newestArchive: string | null;
  readonly newestAt: Date | null;
  readonly listedBackups: number;
};

/** All importers that have run, by engine, scope and name. */
export async function readImporters(pool: Pool): Promise<readonly ImporterStatus[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{
      fqdn: string;
      scope: string;
      name: string;
      kind: string;
      host: string | null;
      ran_at: Date;
      succeeded_at: Date | null;
      fault: string | null;
      newest_archive: string | null;
      newest_at: Date | null;
      listed_backups: string;
    }>(
      `select i.*, (select count(*) from backup_awareness.listed_backup l
                    where l.fqdn = i.fqdn and l.scope = i.scope and l.importer = i.name) as listed_backups
       from backup_awareness.importer i order by i.fqdn, i.scope, i.name`,
    );
    return rows.map((row) => ({
      fqdn: row.fqdn,
      scope: row.scope,
      name: row.name,
      kind: row.kind,
      host: row.host,
      ranAt: row.ran_at,
      succeededAt: row.succeeded_at,
      fault: row.fault,
      newestArchive: row.newest_archive,
      newestAt: row.newest_at,
      listedBackups: Number(row.listed_backups),
    }));
  });
}

/** Forgets an importer; what it found stays. Returns whether there was one. */
export async function removeImporter(pool: Pool, name: string, actor: string): Promise<boolean> {
  return (await callRemoveImporters(pool, null, [], name, actor)) > 0;
}

/** Forgets those importers of a host that its settings name no longer. Returns how many. */
export async function removeOtherImporters(
  pool: Pool,
  host: string,
  kept: readonly Pick<ImporterIdentity, "fqdn" | "scope" | "name">[],
  actor: string,
): Promise<number> {
  const words = kept.map(({ fqdn, scope, name }) => `${fqdn.toLowerCase()} ${scope} ${name}`);
  return callRemoveImporters(pool, host, words, null, actor);
}

async function callRemoveImporters(
  pool: Pool,
  host: string | null,
  kept: readonly string[],
  name: string | null,
  actor: string,
): Promise<number> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ removed: number }>(
      "select backup_awareness.remove_importers($1, $2, $3, $4) as removed",
      [host, kept, name, actor],
    );
    return rows[0]?.removed ?? 0;
  });
}
