import { join } from "node:path";
import type { ExcludedTables } from "../backup/references-to-left-out.ts";
import type { RunLog } from "../backup/run-log.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { optionDefinitions, type OptionName } from "../contract/option.ts";
import type { Report } from "../contract/report.ts";
import { type ArchiveEventType, logArchiveEvent } from "../database/archive-events.ts";
import type { Database } from "../database/database.ts";
import { openDatabase } from "../database/open-database.ts";
import { openMigratedDatabase } from "../database/open-migrated-database.ts";
import { readListOption } from "../database/options.ts";
import { recordLateReport } from "../database/record-report.ts";
import { logRestoreEvent, type RestoreEvent } from "../database/restores.ts";
import { deliverReport } from "../report/deliver-report.ts";
import { replaySpool, type Replay } from "../report/spool.ts";
import { homePlaces, type Settings } from "../settings/settings.ts";
import type { CommandContext } from "./command-context.ts";
import { firstLine } from "../contract/printable.ts";

/** After a failure to connect, how long the next attempts fail at once: a backup reports several times, and each attempt may take long. */
const retryAfterMs = 5_000;
/** A report that the database has not taken by then goes to the spool; recording it again later is safe. */
const recordTimeoutMs = 60_000;
const closeTimeoutMs = 10_000;
/** How much of a reason a warning on the terminal quotes. */
const longestReason = 300;

/** engine-backup's ways to our own database, which may be away for all or part of a run, and to the databases that it dumps. */
export class OwnDatabases {
  readonly #context: CommandContext;
  readonly #settings: Settings;
  readonly #log: RunLog;
  readonly #spoolDirectory: string;
  #reporting: Database | null = null;
  #failure: { readonly error: unknown; readonly atMs: number } | null = null;
  #hasToldSpooling = false;

  constructor(context: CommandContext, settings: Settings, log: RunLog) {
    this.#context = context;
    this.#settings = settings;
    this.#log = log;
    this.#spoolDirectory = join(settings.home, homePlaces.spool);
  }

  /** The database of a scope, with a null url our own, with the rights that dumping it takes. The caller closes it. */
  async openForDump(url: string | null, scope: string): Promise<Database> {
    const { environment, programName, programVersion, sqlDirectory } = this.#context;
    const common = { environment, applicationName: programName, role: "owner", maxConnections: 2 } as const;
    if (url !== null) {
      const settings = { home: this.#settings.home, databaseUrl: url };
      return openDatabase({ ...common, settings, urlKey: `scopes.${scope}.url` });
    }
    return openMigratedDatabase({
      ...common,
      settings: this.#settings,
      programVersion,
      sqlDirectory,
      migrates: "embedded",
    });
  }

  /** The options' exclusions; their defaults, and a warning, while the database cannot be asked. */
  async readExcluded(): Promise<ExcludedTables> {
    try {
      const { pool } = await this.#openForReports();
      const [tables, tableData] = [
        await readListOption(pool, "BackupExcludedTables"),
        await readListOption(pool, "BackupExcludedTableData"),
      ];
      return { tables, tableData };
    } catch (error) {
      this.#warn(`the options cannot be read, so their defaults decide which tables are left out: ${messageOf(error)}`);
      return { tables: defaultList("BackupExcludedTables"), tableData: defaultList("BackupExcludedTableData") };
    }
  }

  /** What a full backup must cover; the option's default, and a warning, while the database cannot be asked. */
  async readFullScopes(): Promise<readonly string[]> {
    try {
      const { pool } = await this.#openForReports();
      return await readListOption(pool, "BackupFullScopes");
    } catch (error) {
      this.#warn(`the option BackupFullScopes cannot be read, so its default counts: ${messageOf(error)}`);
      return defaultList("BackupFullScopes");
    }
  }

  /** Hands on what earlier runs could not. */
  async replay(): Promise<void> {
    try {
      this.#tellReplay(await replaySpool(this.#spoolDirectory, (report) => this.#record(report)));
    } catch (error) {
      this.#warn(messageOf(error));
    }
  }

  /** Throws REPORT_INVALID and SPOOL_FAILED. */
  async report(report: Report): Promise<void> {
    const { outcome, replay, spooledBecause } = await deliverReport(
      this.#spoolDirectory,
      (each) => this.#record(each),
      report,
    );
    this.#tellReplay(replay);
    if (outcome !== "spooled") return;
    const reason = messageOf(spooledBecause);
    this.#log.warn(`report "${report.scope} ${report.status}" spooled: ${reason}`);
    if (!this.#hasToldSpooling)
      this.#context.stderr.write(
        `warning: reports are kept in "${this.#spoolDirectory}" until the database takes them: ${firstLine(reason, longestReason)}\n`,
      );
    this.#hasToldSpooling = true;
  }

  /** An archive's own event. Where the database is away it is lost, with a warning: what is known of the archive stands beside it. */
  async logArchiveEvent(type: ArchiveEventType, fqdn: string, message: string): Promise<void> {
    try {
      const { pool } = await this.#openForReports();
      await withTimeout(logArchiveEvent(pool, { type, fqdn, message, actor: this.#context.actor }), recordTimeoutMs);
    } catch (error) {
      this.#warn(`it stands in no event that the archive was looked at: ${messageOf(error)}`);
    }
  }

  /** An event of a restore. Where the database is away it is lost, with a warning: the restore matters more. */
  async logRestoreEvent(event: Omit<RestoreEvent, "actor">): Promise<void> {
    try {
      const { pool } = await this.#openForReports();
      await withTimeout(logRestoreEvent(pool, { ...event, actor: this.#context.actor }), recordTimeoutMs);
    } catch (error) {
      this.#warn(`no event tells of this restore: ${messageOf(error)}`);
    }
  }

  async close(): Promise<void> {
    if (this.#reporting !== null) await withTimeout(this.#reporting.close(), closeTimeoutMs).catch(() => undefined);
    this.#reporting = null;
  }

  async #record(report: Report): Promise<void> {
    const { pool } = await this.#openForReports();
    await withTimeout(recordLateReport(pool, report), recordTimeoutMs);
  }

  async #openForReports(): Promise<Database> {
    if (this.#reporting !== null) return this.#reporting;
    if (this.#failure !== null && performance.now() - this.#failure.atMs < retryAfterMs) throw this.#failure.error;
    const { environment, programName, programVersion, sqlDirectory } = this.#context;
    try {
      this.#reporting = await openMigratedDatabase({
        settings: this.#settings,
        environment,
        role: "daemon",
        applicationName: programName,
        maxConnections: 1,
        sqlDirectory,
        programVersion,
        migrates: "embedded",
      });
      return this.#reporting;
    } catch (error) {
      this.#failure = { error, atMs: performance.now() };
      throw error;
    }
  }

  #tellReplay({ recorded, refused }: Replay): void {
    if (recorded > 0) this.#log.info(`${recorded} spooled reports recorded`);
    for (const { file, reason } of refused) this.#warn(`the spooled report "${file}" was set aside: ${reason}`);
  }

  #warn(message: string): void {
    this.#log.warn(message);
    // The log has all of it.
    this.#context.stderr.write(`warning: ${firstLine(message, longestReason)}\n`);
  }
}

function defaultList(name: OptionName): readonly string[] {
  const definition = optionDefinitions.find((each) => each.name === name);
  return Array.isArray(definition?.defaultValue) ? definition.defaultValue : [];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function withTimeout<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    timeout.reject(
      new BackupAwarenessError("DATABASE_BUSY", `the database has not answered within ${timeoutMs / 1000} s`),
    );
  }, timeoutMs);
  try {
    return await Promise.race([work, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
