import type pg from "pg";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { ClientProgram } from "../backup-run.ts";
import type { ManifestScope } from "../manifest.ts";
import type { RunLog } from "../run-log.ts";
import { compareRestored, type Comparison } from "./compare-restored.ts";
import { createRoles, makeLogin } from "./create-roles.ts";
import { propertiesFromDump, readProperties, type DatabaseProperties } from "./database-properties.ts";
import type { DumpContents } from "./dump-contents.ts";
import type { Target } from "./inspect-target.ts";
import type { Way } from "./judge-target.ts";
import { loadDump } from "./load-dump.ts";
import { formerName, restoringName } from "./restore-names.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-statements.ts";
import { swapDatabases } from "./swap-databases.ts";
import { withConnection, type TargetServer } from "./target-server.ts";

/** The comment of a database that is being filled begins so: what bears it may be dropped by the next run. */
const mark = "engine-backup is restoring here";
/** Making a database copies template0, dropping one removes its files. */
const heavyTimeoutMs = 10 * 60_000;

export type DatabaseRestore = {
  readonly scope: string;
  /** By whom the content is restored. */
  readonly server: TargetServer;
  /** By whom databases are made and renamed, and roles made: mostly the same. */
  readonly admin: TargetServer;
  readonly target: Target;
  readonly way: Way;
  readonly rolesToCreate: readonly string[];
  /** The login that the settings name, where it is missing. */
  readonly roleToMake: { readonly name: string; readonly password: string | null } | null;
  /** Of a database that is made. */
  readonly owner: string;
  /** Of the archive; null: it has none. */
  readonly globals: string | null;
  readonly dump: {
    /** A file. */
    readonly path: string;
    readonly format: "custom" | "plain";
    /** Of a custom dump. */
    readonly contents: DumpContents | null;
    readonly program: ClientProgram;
  };
  /** What the manifest says of the dumped database. */
  readonly archived: ManifestScope["database"] | null;
  readonly stamp: string;
  readonly jobs: number;
  readonly permissions: boolean;
  readonly dropsFormer: boolean;
  /** Whose sessions may be ended when the database is put in its place. */
  readonly mayEnd: (application: string) => boolean;
  /** Something that is done to the restored and compared database before it is put in its place. */
  readonly finish: ((database: string) => Promise<void>) | null;
};

export type RestoreMeans = { readonly signal: AbortSignal; readonly log: RunLog };

export type RestoredDatabase = Comparison & {
  readonly database: string;
  readonly way: Way;
  /** Where the replaced one is now; null: there was none, it was empty, or it was dropped. */
  readonly former: string | null;
  readonly warnings: readonly string[];
};

/** A restored database that waits to be put in its place. */
export type PreparedDatabase = {
  readonly comparison: Comparison | null;
  /** Puts it in its place. Throws RESTORE_FAILED with the former state in place. */
  settle(): Promise<RestoredDatabase>;
  /** Removes it. Returns what could not be removed. Never throws; calling it after `settle` only lets go of the lock. */
  discard(): Promise<string | null>;
};

/**
 * Restores a database as far as that leaves the present one untouched: beside it, compared, with all properties. Where that cannot be, nothing but missing roles is made, and all
 * the rest is `settle`'s. Throws RESTORE_FAILED, RESTORE_RUNNING and what the server says; what was made until then is removed.
 */
export async function prepareDatabase(restore: DatabaseRestore, means: RestoreMeans): Promise<PreparedDatabase> {
  const lock = await lockTarget(restore);
  const prepared = new DatabaseRun(restore, means, lock);
  try {
    await prepared.prepare();
    return prepared;
  } catch (error) {
    const left = await prepared.discard();
    throw left === null ? error : withRemains(error, left);
  }
}

function withRemains(error: unknown, left: string): BackupAwarenessError {
  const message = error instanceof Error ? error.message : String(error);
  return new BackupAwarenessError("RESTORE_FAILED", `${message}\n${left}`, {
    cause: error,
    ...(error instanceof BackupAwarenessError && error.hint !== null ? { hint: error.hint } : {}),
  });
}

/** One restore at a time: the lock is a session's, so that a killed run lets go of it. */
async function lockTarget({ admin, server, target }: DatabaseRestore): Promise<pg.Client> {
  const client = await admin.connect(target.maintenanceDatabase ?? server.database);
  try {
    const { rows } = await client.query<{ taken: boolean }>(
      "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('backup_awareness.restore:' || $1, 0)) as taken",
      [server.database],
    );
    if (rows[0]?.taken === true) return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  await client.end().catch(() => undefined);
  throw new BackupAwarenessError(
    "RESTORE_RUNNING",
    `another engine-backup is restoring the database "${server.database}" at ${server.place}`,
    { hint: "wait for it to end" },
  );
}

class DatabaseRun implements PreparedDatabase {
  readonly #restore: DatabaseRestore;
  readonly #means: RestoreMeans;
  readonly #lock: pg.Client;
  readonly #warnings: string[] = [];
  #made: { readonly name: string; readonly oid: number; readonly properties: DatabaseProperties } | null = null;
  #comparison: Comparison | null = null;

  constructor(restore: DatabaseRestore, means: RestoreMeans, lock: pg.Client) {
    this.#restore = restore;
    this.#means = means;
    this.#lock = lock;
  }

  get comparison(): Comparison | null {
    return this.#comparison;
  }

  async prepare(): Promise<void> {
    const { rolesToCreate, roleToMake, globals, way, server, finish } = this.#restore;
    if (rolesToCreate.length > 0) await createRoles(this.#lock, globals ?? "", rolesToCreate);
    if (roleToMake !== null) await makeLogin(this.#lock, roleToMake);
    if (way === "in place") return;
    await this.#dropRemains();
    const { name, properties } = await this.#createDatabase();
    await this.#load(name, { kind: "jobs" });
    this.#comparison = await compareRestored(server, name, this.#restore, this.#means);
    await finish?.(name);
    for (const statement of properties.statements.filter((each) => !isOwnership(each)))
      await this.#tryStatement(statement);
    this.#means.signal.throwIfAborted();
  }

  async settle(): Promise<RestoredDatabase> {
    const { server, way, target } = this.#restore;
    let former: string | null = null;
    if (way === "beside") former = await this.#putInPlace();
    else {
      const replacing = (target.existing?.objects ?? 0) > 0;
      await this.#load(server.database, { kind: "transaction", replacing });
      this.#comparison = await compareRestored(server, server.database, this.#restore, this.#means);
    }
    if (this.#comparison === null) throw new Error("a database is settled that was not compared");
    return { ...this.#comparison, database: server.database, way, former, warnings: this.#warnings };
  }

  async discard(): Promise<string | null> {
    const made = this.#made;
    this.#made = null;
    try {
      return made === null ? null : await this.#drop(made.name);
    } finally {
      await this.#lock.end().catch(() => undefined);
    }
  }

  /** Of runs that were killed: their lock is ours now, so they are no longer at work. */
  async #dropRemains(): Promise<void> {
    for (const name of this.#restore.target.restoring) {
      const { rows } = await this.#lock.query<{ comment: string | null }>(
        "select pg_catalog.shobj_description(oid, 'pg_database') as comment from pg_catalog.pg_database where datname = $1",
        [name],
      );
      if (rows[0]?.comment?.startsWith(mark) !== true) continue;
      await this.#heavy(`drop database if exists ${quoteIdentifier(name)} with (force)`);
      this.#means.log.info(`dropped "${name}", which a killed restore had left`);
    }
  }

  async #createDatabase(): Promise<{ readonly name: string; readonly properties: DatabaseProperties }> {
    const { server, stamp } = this.#restore;
    const name = restoringName(server.database, stamp);
    const properties = await this.#chooseProperties(name);
    try {
      await this.#heavy(properties.create);
    } catch (error) {
      throw new BackupAwarenessError(
        "RESTORE_FAILED",
        `cannot create a database on ${server.place}: ${error instanceof Error ? error.message : String(error)}`,
        {
          hint: "where the server lacks the locale or the tablespace of the dumped database, create an empty one of its name yourself; its own are taken then",
          cause: error,
        },
      );
    }
    const { rows } = await this.#lock.query<{ oid: number }>(
      "select oid from pg_catalog.pg_database where datname = $1",
      [name],
    );
    this.#made = { name, oid: rows[0]?.oid ?? 0, properties };
    await this.#lock.query(
      `comment on database ${quoteIdentifier(name)} is ${quoteLiteral(`${mark} what shall become "${server.database}". An interrupted run leaves it behind; the next one drops it.`)}`,
    );
    // Before it is filled: only its owner may write into it.
    for (const statement of properties.statements.filter(isOwnership)) await this.#lock.query(statement);
    this.#means.log.info(`filling the database "${name}" on ${server.place}`);
    return { name, properties };
  }

  /**
   * One that has content keeps its own properties. An empty or a missing one gets those of the dumped database; the empty one's encoding,
   * locale and owner are its maker's.
   */
  async #chooseProperties(name: string): Promise<DatabaseProperties> {
    const { target, server, owner, dump, permissions } = this.#restore;
    const dumped = propertiesFromDump(dump.contents?.databaseStatements ?? [], name, permissions);
    if (target.existing !== null) {
      const present = await readProperties(this.#lock, server.database, name, permissions);
      if (target.existing.objects > 0 || dumped === null) return present;
      const statements = dumped.statements.filter((statement) => !isOwnership(statement));
      return { ...present, statements, comment: dumped.comment ?? present.comment };
    }
    // The login that the settings name must own it, or could not use it; a superuser's database may be anybody's.
    const dumpedOwner = dumped?.statements.find(isOwnership);
    const isFree = target.login.isSuperuser && owner === target.login.name && dumpedOwner !== undefined;
    const ownership = isFree
      ? dumpedOwner
      : `alter database ${quoteIdentifier(name)} owner to ${quoteIdentifier(owner)}`;
    return {
      create: dumped?.create ?? `create database ${quoteIdentifier(name)} with template template0`,
      statements: [ownership, ...(dumped?.statements ?? []).filter((each) => !isOwnership(each))],
      comment: dumped?.comment ?? null,
    };
  }

  async #load(
    database: string,
    manner: { readonly kind: "jobs" } | { readonly kind: "transaction"; readonly replacing: boolean },
  ): Promise<void> {
    const { dump, server, jobs, permissions } = this.#restore;
    const beganMs = performance.now();
    await loadDump({
      program: dump.program,
      format: dump.format,
      dump: dump.path,
      listPath: dump.contents?.listPath ?? null,
      access: server.access(database),
      jobs,
      manner,
      permissions,
      ...this.#means,
    });
    this.#means.log.info(`loaded in ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
  }

  /** Returns the former one's name, where it is kept. */
  async #putInPlace(): Promise<string | null> {
    const { server, admin, target, stamp, dropsFormer, mayEnd } = this.#restore;
    const made = this.#made;
    if (made === null || target.maintenanceDatabase === null) throw new Error("there is nothing to put in place");
    const former = target.existing === null ? null : formerName(server.database, stamp);
    await swapDatabases({
      server: admin,
      maintenanceDatabase: target.maintenanceDatabase,
      restoringOid: made.oid,
      restoring: made.name,
      database: server.database,
      former,
      comment: made.properties.comment,
      mayEnd,
    });
    this.#made = null;
    this.#means.log.info(
      `"${made.name}" is now "${server.database}"${former === null ? "" : `; the former one is "${former}"`}`,
    );
    if (former === null) return null;
    if (!dropsFormer && target.existing?.objects !== 0) return former;
    const left = await this.#drop(former);
    if (left === null) return null;
    this.#warnings.push(left);
    return former;
  }

  /** What a login may not set is told with the statement that does it: the data is worth more. */
  async #tryStatement(statement: string): Promise<void> {
    try {
      await this.#lock.query(statement);
    } catch (error) {
      this.#means.signal.throwIfAborted();
      const { server } = this.#restore;
      const name = restoringName(server.database, this.#restore.stamp);
      const told = statement.replace(quoteIdentifier(name), quoteIdentifier(server.database));
      this.#warnings.push(`not done: ${told}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Returns what is left where that cannot be done. */
  async #drop(name: string): Promise<string | null> {
    const statement = `drop database if exists ${quoteIdentifier(name)} with (force)`;
    try {
      await this.#heavy(statement);
      return null;
    } catch {
      // The lock's connection may be what was lost.
    }
    try {
      const { admin, target, server } = this.#restore;
      await withConnection(admin, target.maintenanceDatabase ?? server.database, (client) =>
        client.query({ text: statement, ...{ query_timeout: heavyTimeoutMs } }),
      );
      return null;
    } catch (error) {
      return `left behind: the database "${name}" (${error instanceof Error ? error.message : String(error)}); the next restore drops it, or: ${statement}`;
    }
  }

  async #heavy(text: string): Promise<void> {
    await this.#lock.query({ text, ...{ query_timeout: heavyTimeoutMs } });
  }
}

function isOwnership(statement: string): boolean {
  return /^alter database .* owner to /iu.test(statement);
}
