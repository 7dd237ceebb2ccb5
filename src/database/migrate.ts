import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Pool, type PoolClient, type PoolConfig } from "pg";
import { BackupAwarenessError } from "../contract/errors.ts";
import { eventTypes, severities } from "../contract/event.ts";
import { optionDefinitions } from "../contract/option.ts";
import { isNewer } from "./program-version.ts";

/** An immutable step of the schema, `sql/migrations/NNNN_verb_object.sql`. */
export type Migration = {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
};

/** Everything that `migrate` applies, as read from the folder `sql`. */
export type SchemaSource = {
  readonly roles: string;
  readonly migrations: readonly Migration[];
  readonly procedures: string;
  readonly grants: string;
  /** Of all that is applied again whenever it changed: procedures and grants, options and kinds of events, the job queue's version. */
  readonly proceduresChecksum: string;
};

export type MigrationOutcome = {
  readonly applied: readonly string[];
  readonly proceduresApplied: boolean;
  readonly version: number;
};

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Reads the folder `sql`. */
export async function readSchemaSource(sqlDirectory: string): Promise<SchemaSource> {
  const read = (...path: string[]) => readFile(join(sqlDirectory, ...path), "utf8");
  const migrations: Migration[] = [];
  for (const file of (await readdir(join(sqlDirectory, "migrations"))).sort()) {
    const match = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file);
    if (!match) throw new Error(`sql/migrations/${file} is not named NNNN_verb_object.sql`);
    const sql = await read("migrations", file);
    migrations.push({ version: Number(match[1]), name: file.replace(/\.sql$/, ""), sql, checksum: sha256(sql) });
  }
  const procedureFiles = (await readdir(join(sqlDirectory, "procedures")))
    .filter((file) => file.endsWith("_sp.sql"))
    .sort();
  const procedures = (await Promise.all(procedureFiles.map((file) => read("procedures", file)))).join("\n");
  const grants = await read("grants.sql");
  return {
    roles: await read("roles.sql"),
    migrations,
    procedures,
    grants,
    proceduresChecksum: sha256(
      JSON.stringify([procedures, grants, eventTypes, optionDefinitions, await jobQueueVersion()]),
    ),
  };
}

/** Of graphile-worker, whose schema the daemon may not migrate by itself. */
async function jobQueueVersion(): Promise<unknown> {
  const manifest = new URL("../package.json", import.meta.resolve("graphile-worker"));
  return (JSON.parse(await readFile(manifest, "utf8")) as { version?: unknown }).version;
}

export type MigrateInput = {
  /** Logged in as a superuser, or as a role with CREATEROLE that owns the database. */
  readonly pool: Pool;
  readonly source: SchemaSource;
  /** The engine that reports without an FQDN are about; only the first migration sets it. */
  readonly ownFqdn: string;
  readonly programVersion: string;
};

/**
 * Brings the database to this program's schema: roles, job queue, then migrations, procedures, options and rights in one
 * transaction, so that nobody ever meets half of it. Calling twice is safe, also from two processes at once: the second
 * waits. An application's own objects in that database stay untouched.
 *
 * @throws DATABASE_NEWER, MIGRATION_CHANGED, DATABASE_RIGHTS, DATABASE_BUSY
 */
export async function migrate(input: MigrateInput): Promise<MigrationOutcome> {
  const client = await input.pool.connect();
  try {
    await client.query("select pg_advisory_lock(hashtextextended('backup_awareness.migrate', 0))");
    return await migrateLocked(client, input);
  } catch (error) {
    throw explainRights(error);
  } finally {
    // The lock ends with the connection, whatever state an error left it in.
    client.release(true);
  }
}

async function migrateLocked(client: PoolClient, input: MigrateInput): Promise<MigrationOutcome> {
  const { source, programVersion } = input;
  const before = await readSchemaState(client);
  assertNotNewer(before, input);
  assertUnchanged(before, source);
  const due = source.migrations.filter(({ version }) => !before.applied.has(version));
  const proceduresApplied = due.length > 0 || before.proceduresChecksum !== source.proceduresChecksum;
  const version = source.migrations.at(-1)?.version ?? 0;
  if (!proceduresApplied) {
    await appendToSearchPath(client); // a dump that was restored into another database does not bring it
    return { applied: [], proceduresApplied, version };
  }

  await client.query(source.roles);
  await migrateJobQueue(client, input.pool);

  await client.query("begin");
  await client.query("set local lock_timeout = '30s'");
  await client.query("create schema if not exists backup_awareness authorization backup_awareness_owner");
  await appendToSearchPath(client);
  await client.query("set local role backup_awareness_owner");
  await client.query("set local search_path = backup_awareness, pg_temp");
  await client.query("set local check_function_bodies = off");
  await client.query(`create table if not exists migration (
    version integer primary key, name text not null, checksum text not null,
    applied_at timestamptz not null default now(), program_version text not null)`);
  for (const migration of due) {
    await client.query(migration.sql);
    await client.query("insert into migration (version, name, checksum, program_version) values ($1, $2, $3, $4)", [
      migration.version,
      migration.name,
      migration.checksum,
      programVersion,
    ]);
  }
  await applyProcedures(client, source);
  await client.query("select declare_event_types($1)", [
    JSON.stringify(
      Object.entries(eventTypes).map(([name, { code, severity }]) => ({ name, code, severity: severities[severity] })),
    ),
  ]);
  await client.query("select declare_options($1)", [
    JSON.stringify(
      optionDefinitions.map(({ defaultValue, ...definition }) => ({ ...definition, default: defaultValue })),
    ),
  ]);
  await client.query(
    `insert into installation (installed_at, program_version, procedures_checksum) values (now(), $1, $2)
     on conflict (singleton) do update set program_version = excluded.program_version, procedures_checksum = excluded.procedures_checksum`,
    [programVersion, source.proceduresChecksum],
  );
  const { rows } = await client.query<{ own_fqdn: string | null }>("select own_fqdn from installation");
  if (rows[0]?.own_fqdn == null) await client.query("select set_own_engine($1)", [input.ownFqdn]);
  await client.query("commit");
  return { applied: due.map(({ name }) => name), proceduresApplied, version };
}

/** Replaces every procedure and drops those that no file defines any more. */
async function applyProcedures(client: PoolClient, source: SchemaSource): Promise<void> {
  await client.query(source.procedures);
  await client.query(`
    do $$
    declare v_obsolete regprocedure;
    begin
      for v_obsolete in
        select p.oid from pg_proc p
        where p.pronamespace = 'backup_awareness'::regnamespace and p.xmin <> pg_current_xact_id()::xid
      loop
        execute format('drop routine %s', v_obsolete);
      end loop;
    end $$`);
  await client.query(source.grants);
}

/** Appends our schema to the database's search_path, so that reporters may leave it out; what stands there stays first. */
async function appendToSearchPath(client: PoolClient): Promise<void> {
  await client.query(`
    do $$
    declare
      v_configured text;
    begin
      select regexp_replace(c, '^search_path=', '') into v_configured
      from pg_db_role_setting s, unnest(s.setconfig) c
      where s.setdatabase = (select oid from pg_database where datname = current_database()) and s.setrole = 0 and c like 'search_path=%';
      v_configured := coalesce(
        v_configured,
        (select setting from pg_settings where name = 'search_path' and source in ('default', 'configuration file')),
        '"$user", public');
      if v_configured !~ '(^|[ ,"])backup_awareness($|[ ,"])' then
        execute format('alter database %I set search_path = %s', current_database(), concat_ws(', ', nullif(nullif(v_configured, ''), '""'), 'backup_awareness'));
      end if;
    end $$`);
}

/**
 * graphile-worker's own schema belongs to the owner of ours: its procedures call those of the queue. What the daemon may do there says
 * sql/grants.sql.
 */
async function migrateJobQueue(client: PoolClient, pool: Pool): Promise<void> {
  const { rows } = await client.query<{ database: string; others: string | null }>(
    `select quote_ident(current_database()) as database,
            (select nspowner::regrole::text from pg_namespace
             where nspname = 'graphile_worker' and nspowner <> 'backup_awareness_owner'::regrole) as others`,
  );
  const { database, others = null } = rows[0] ?? {};
  if (others !== null) {
    throw new BackupAwarenessError(
      "DATABASE_RIGHTS",
      `the schema graphile_worker of this database belongs to ${others}: an application keeps its own job queue there`,
      {
        hint: "Give Backup Awareness a database of its own, on the same server if you like, and name it in database.url.",
      },
    );
  }
  await client.query(`grant create on database ${database} to backup_awareness_owner`);
  const options = (pool as Pool & { options: PoolConfig }).options;
  // A pool hides its password from a spread.
  const queuePool = new Pool({
    ...options,
    ...(options.password === undefined ? {} : { password: options.password }),
    max: 1,
    options: "-c role=backup_awareness_owner",
  });
  queuePool.on("error", () => undefined);
  queuePool.on("connect", (connection) => connection.on("error", () => undefined));
  try {
    // A third of what a short command would load, and few ever get here.
    const { Logger: WorkerLogger, runMigrations } = await import("graphile-worker");
    await runMigrations({ pgPool: queuePool, logger: new WorkerLogger(() => () => undefined) });
  } finally {
    await queuePool.end();
    await client.query(`revoke create on database ${database} from backup_awareness_owner`);
  }
}

type SchemaState = {
  readonly applied: ReadonlyMap<number, { readonly name: string; readonly checksum: string }>;
  readonly proceduresChecksum: string | null;
  readonly programVersion: string | null;
};

/** What is installed; nothing at all in a database that was never migrated. */
async function readSchemaState(client: PoolClient): Promise<SchemaState> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    "select to_regclass('backup_awareness.installation') is not null as exists",
  );
  if (!found[0]?.exists) return { applied: new Map(), proceduresChecksum: null, programVersion: null };
  const { rows: migrations } = await client.query<{ version: number; name: string; checksum: string }>(
    "select version, name, checksum from backup_awareness.migration order by version",
  );
  const { rows: installations } = await client.query<{ procedures_checksum: string; program_version: string }>(
    "select procedures_checksum, program_version from backup_awareness.installation",
  );
  return {
    applied: new Map(migrations.map((migration) => [migration.version, migration])),
    proceduresChecksum: installations[0]?.procedures_checksum ?? null,
    programVersion: installations[0]?.program_version ?? null,
  };
}

function assertNotNewer(
  state: SchemaState,
  { source, programVersion }: Pick<MigrateInput, "source" | "programVersion">,
): void {
  const newest = Math.max(0, ...state.applied.keys());
  const known = source.migrations.at(-1)?.version ?? 0;
  if (
    newest > known ||
    (state.proceduresChecksum !== source.proceduresChecksum &&
      state.programVersion !== null &&
      isNewer(state.programVersion, programVersion))
  ) {
    throw new BackupAwarenessError(
      "DATABASE_NEWER",
      `the database was migrated by backup-awareness ${state.programVersion ?? "of a later version"} (schema ${newest}); this is ${programVersion} (schema ${known})`,
      { hint: "Upgrade this program to at least that version; nothing was changed." },
    );
  }
}

function assertUnchanged(state: SchemaState, source: SchemaSource): void {
  for (const migration of source.migrations) {
    const applied = state.applied.get(migration.version);
    if (applied && applied.checksum !== migration.checksum) {
      throw new BackupAwarenessError(
        "MIGRATION_CHANGED",
        `sql/migrations/${migration.name}.sql is not what was applied to this database as ${applied.name}`,
        {
          hint: "Migrations are immutable: put the file back and write a new one.",
        },
      );
    }
  }
}

/** Whether the database is at this program's schema, for whoever may not migrate. */
export async function schemaStatus(
  pool: Pool,
  input: Pick<MigrateInput, "source" | "programVersion">,
): Promise<{
  readonly version: number;
  readonly target: number;
  readonly current: boolean;
  readonly programVersion: string | null;
}> {
  const client = await pool.connect();
  try {
    const state = await readSchemaState(client);
    assertNotNewer(state, input);
    const target = input.source.migrations.at(-1)?.version ?? 0;
    const version = Math.max(0, ...state.applied.keys());
    const current = version === target && state.proceduresChecksum === input.source.proceduresChecksum;
    return { version, target, current, programVersion: state.programVersion };
  } finally {
    client.release();
  }
}

function explainRights(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  if (error.code === "42501") {
    return new BackupAwarenessError("DATABASE_RIGHTS", `the database role may not migrate: ${error.message}`, {
      hint: "Run `backup-awareness database migrate` once as a superuser, or as a role with CREATEROLE that owns the database; then `grant backup_awareness to` the daemon's login.",
      cause: error,
    });
  }
  if (error.code === "55P03") {
    return new BackupAwarenessError(
      "DATABASE_BUSY",
      "a table of Backup Awareness was locked by another session for 30 seconds",
      {
        hint: 'Look for a session in state "idle in transaction" in pg_stat_activity, and try again.',
        cause: error,
      },
    );
  }
  return error;
}
