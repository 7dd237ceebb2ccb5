import { stat } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { Database } from "../database/database.ts";
import { parseDatabaseUrl } from "../settings/database-url.ts";
import { homePlaces } from "../settings/settings.ts";
import type { ArchiveWriter } from "./archive-writer.ts";
import type { BackupMeans } from "./backup-run.ts";
import { databaseAccess } from "./database-environment.ts";
import { readDatabaseFacts } from "./database-facts.ts";
import { openSnapshot } from "./dump-snapshot.ts";
import { dumpDatabase, dumpGlobals } from "./dump-database.ts";
import type { ManifestScope } from "./manifest.ts";
import { findReferencesToLeftOut, type ExcludedTables } from "./references-to-left-out.ts";

const queryTimeoutMs = 30_000;

export type DatabaseBackup = {
  readonly tool: string;
  readonly database: NonNullable<ManifestScope["database"]>;
  readonly warnings: readonly string[];
  /** Roles and tablespaces; null: its server's are known already, or could not be read. */
  readonly globals: string | null;
  /** Where the server keeps its data, when that is on this machine and may be seen. */
  readonly dataDirectory: string | null;
};

export type DatabaseBackupRequest = {
  readonly scope: string;
  readonly url: string | null;
  readonly home: string;
  readonly excluded: ExcludedTables;
  /** Servers whose globals are in the archive already; this one is added. */
  readonly serversWithGlobals: Set<string>;
  readonly onBytes: (bytes: number) => void;
};

/** Dumps one database into the member that is open. */
export async function backUpDatabase(
  request: DatabaseBackupRequest,
  writer: ArchiveWriter,
  means: BackupMeans,
): Promise<DatabaseBackup> {
  const { excluded } = request;
  const database = await means.openDatabase(request.url, request.scope);
  try {
    const server = await readServer(database);
    const major = Math.floor(server.number / 10_000);
    const pgDump = await means.findClientProgram("pg_dump", major);
    means.log.info(`server PostgreSQL ${server.version}, ${pgDump.path} ${pgDump.version}, database "${server.name}"`);
    const warnings = await referenceWarnings(database, excluded, means);
    if (!server.hasTables) warnings.push(`the database "${server.name}" holds no table: is it the one that is meant?`);
    const access = databaseAccess(database, means.env);
    const onErrorLine = (line: string) => {
      means.log.warn(`pg_dump: ${line}`);
      warnings.push(line);
    };
    const call = { access, signal: means.signal, ...means.limits };
    const dump = (snapshot: string) =>
      dumpDatabase({ ...call, program: pgDump.path, excluded, snapshot, onErrorLine }, async (data) => {
        await writer.write(data);
        request.onBytes(data.length);
      });
    const facts = await dumpWithFacts(database, excluded, means, dump);
    warnings.push(...facts.warnings);
    return {
      tool: `pg_dump ${pgDump.version}`,
      database: {
        name: server.name,
        serverVersion: server.version,
        excludedTables: excluded.tables,
        excludedTableData: excluded.tableData,
        ...facts.known,
      },
      warnings,
      globals: await globalsOnce(),
      dataDirectory: await findDataDirectory(database, request.home),
    };

    async function globalsOnce(): Promise<string | null> {
      const { host, port } = parseDatabaseUrl(database.url);
      const key = `${host ?? ""}:${port}`;
      if (request.serversWithGlobals.has(key)) return null;
      try {
        const { path } = await means.findClientProgram("pg_dumpall", major);
        const onLine = (line: string) => {
          means.log.warn(`pg_dumpall: ${line}`);
        };
        const globals = await dumpGlobals({ ...call, program: path, onErrorLine: onLine });
        request.serversWithGlobals.add(key);
        return globals;
      } catch (error) {
        means.signal.throwIfAborted();
        if (!(error instanceof BackupAwarenessError)) throw error;
        warnings.push(`the server's roles and tablespaces are not in the archive: ${error.message}`);
        return null;
      }
    }
  } finally {
    await database.close();
  }
}

type Facts = {
  readonly known: Pick<DatabaseBackup["database"], "rowCounts" | "largeObjects" | "schema">;
  readonly warnings: readonly string[];
};

/** Dumps, and meanwhile reads in the dump's own snapshot what a restore will be compared with. That fails no backup. */
async function dumpWithFacts(
  database: Database,
  excluded: ExcludedTables,
  { limits, signal }: BackupMeans,
  dump: (snapshot: string) => Promise<void>,
): Promise<Facts> {
  const snapshot = await openSnapshot(database.pool);
  const request = { excluded, lockTimeoutMs: limits.lockTimeoutMs, queryTimeoutMs: limits.silenceLimitMs };
  const reading = readDatabaseFacts(snapshot.client, request).then(
    ({ facts, warnings }): Facts => ({ known: facts, warnings }),
    (error: unknown): Facts => ({
      known: { rowCounts: null, largeObjects: null, schema: null },
      warnings: [
        `rows were not counted and the schema not described: ${error instanceof Error ? error.message : String(error)}`,
      ],
    }),
  );
  const onAbort = () => void snapshot.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await dump(snapshot.name);
    const facts = await reading;
    signal.throwIfAborted();
    return facts;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await snapshot.close();
    await reading;
  }
}

type Server = {
  readonly number: number;
  readonly version: string;
  readonly name: string;
  readonly hasTables: boolean;
};

async function readServer(database: Database): Promise<Server> {
  const { rows } = await database.pool.query<Server>({
    text: `select pg_catalog.current_setting('server_version_num')::int as number, pg_catalog.current_setting('server_version') as version,
                  pg_catalog.current_database() as name,
                  exists (select from pg_catalog.pg_class c
                            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                           where c.relkind in ('r', 'p', 'm', 'f')
                             and n.nspname <> 'information_schema' and n.nspname !~ '^pg_') as "hasTables"`,
    ...{ query_timeout: queryTimeoutMs },
  });
  const [server] = rows;
  if (server === undefined) throw new BackupAwarenessError("BACKUP_FAILED", "the server does not tell its version");
  return server;
}

async function referenceWarnings(database: Database, excluded: ExcludedTables, means: BackupMeans): Promise<string[]> {
  try {
    return await findReferencesToLeftOut(database.pool, excluded);
  } catch (error) {
    // A pattern that is no regular expression: pg_dump will say so itself.
    return [
      `whether kept rows refer to left-out ones could not be seen: ${error instanceof Error ? error.message : String(error)}`,
    ];
  } finally {
    means.signal.throwIfAborted();
  }
}

async function findDataDirectory(database: Database, home: string): Promise<string | null> {
  if (database.embedded) return join(home, homePlaces.postgres);
  const { host } = parseDatabaseUrl(database.url);
  const isLocal =
    host === null || host.startsWith("/") || host === "localhost" || host === "::1" || host.startsWith("127.");
  if (!isLocal) return null;
  try {
    const { rows } = await database.pool.query<{ directory: string | null }>({
      text: "select pg_catalog.current_setting('data_directory', true) as directory",
      ...{ query_timeout: queryTimeoutMs },
    });
    const directory = rows[0]?.directory ?? null;
    if (directory !== null) await stat(directory);
    return directory;
  } catch {
    // Not every role may know it, nor everybody look at it.
    return null;
  }
}
