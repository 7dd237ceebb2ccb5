import { BackupAwarenessError } from "../contract/errors.ts";
import type { Settings } from "../settings/settings.ts";
import type { Database } from "./database.ts";
import { migrate, readSchemaSource, schemaStatus, type MigrationOutcome, type SchemaSource } from "./migrate.ts";
import { openDatabase, type OpenDatabaseOptions } from "./open-database.ts";
import { callProcedure } from "./procedure-errors.ts";

export type OpenMigratedDatabaseOptions = OpenDatabaseOptions & {
  readonly settings: Pick<Settings, "home" | "databaseUrl" | "fqdn">;
  /** The folder `sql` of this installation. */
  readonly sqlDirectory: string;
  readonly programVersion: string;
  /**
   * Which databases may be migrated on the way: `embedded`, our own private one, what every command may do; `any`, also one of the
   * administrator's own, what only the daemon's start does, and who asks for it by name.
   */
  readonly migrates: "embedded" | "any";
};

/**
 * Opens our own database at this program's schema: a virgin home just works, and so does one that an older program left.
 * Calling it from many processes at once is safe.
 *
 * @throws DATABASE_OLDER where it would have to be migrated and may not; DATABASE_NEWER; what openDatabase and migrate throw
 */
export async function openMigratedDatabase(options: OpenMigratedDatabaseOptions): Promise<Database> {
  const source = await readSchemaSource(options.sqlDirectory);
  const database = await openDatabase(options);
  try {
    const status = await callProcedure("INTERNAL", () =>
      schemaStatus(database.pool, { source, programVersion: options.programVersion }),
    );
    if (status.current) return database;
    if (!database.embedded && options.migrates === "embedded") throw olderDatabase(status.version, status.target);
    await migrateAsOwner(options, source);
    return database.embedded ? database : await reopened(database, options);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Migrates our own database, whichever it is, as a role that may. Calling twice is safe. */
export async function migrateDatabase(
  options: Omit<OpenMigratedDatabaseOptions, "migrates" | "role">,
): Promise<MigrationOutcome> {
  return migrateAsOwner(options, await readSchemaSource(options.sqlDirectory));
}

async function migrateAsOwner(
  options: Omit<OpenMigratedDatabaseOptions, "migrates" | "role">,
  source: SchemaSource,
): Promise<MigrationOutcome> {
  const owner = await openDatabase({
    settings: options.settings,
    environment: options.environment,
    role: "owner",
    applicationName: options.applicationName,
    maxConnections: 2,
  });
  try {
    return await migrate({
      pool: owner.pool,
      source,
      ownFqdn: options.settings.fqdn,
      programVersion: options.programVersion,
    });
  } finally {
    await owner.close();
  }
}

/** Sessions that were opened before the first migration have not put on the role backup_awareness. */
async function reopened(database: Database, options: OpenDatabaseOptions): Promise<Database> {
  await database.close();
  return openDatabase(options);
}

function olderDatabase(version: number, target: number): BackupAwarenessError {
  const found =
    version === 0
      ? "the database holds no Backup Awareness yet"
      : `the database is at schema ${version}; this program needs ${target}`;
  return new BackupAwarenessError(
    "DATABASE_OLDER",
    version === target ? "the database holds the procedures of another version of this program" : found,
    {
      hint: "run `backup-awareness database migrate` as a role that may create roles, or start the daemon, which does it",
    },
  );
}
