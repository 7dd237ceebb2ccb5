import { setTimeout as delay } from "node:timers/promises";
import { readSessions } from "../../backup/restore/inspect-target.ts";
import type { OwnTarget } from "../../backup/restore/restore-run.ts";
import { withConnection, type TargetServer } from "../../backup/restore/target-server.ts";
import type { RunLog } from "../../backup/run-log.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { Report } from "../../contract/report.ts";
import type { HeldLock } from "../../database/embedded/lock.ts";
import { migrate, readSchemaSource } from "../../database/migrate.ts";
import { openPool } from "../../database/open-pool.ts";
import { recordReport } from "../../database/record-report.ts";
import { takeRestoreLock } from "../../database/restore-lock.ts";
import { settleRestoredDatabase } from "../../database/restores.ts";
import { databaseUrlWithoutPassword } from "../../settings/database-url.ts";
import type { Settings } from "../../settings/settings.ts";
import type { CommandContext } from "../command-context.ts";

/** A daemon looks four times a second, and gives its running jobs two seconds. */
const standBackTimeoutMs = 30_000;
const pollMs = 100;
const daemonName = "backup-awareness daemon";

export type OwnTargetOptions = {
  readonly context: CommandContext;
  readonly settings: Settings;
  readonly log: RunLog;
  readonly server: TargetServer;
  readonly url: string;
  readonly password: string | null;
  readonly embedded: boolean;
  /** End sessions that do not stand back. */
  readonly disconnect: boolean;
  /** Has this run's own connections closed. */
  readonly closeConnections: () => Promise<void>;
};

/** Our own database as what is restored: the daemon stands back, and the copy is made fit before it takes its place. */
export class OwnDatabaseTarget implements OwnTarget {
  readonly #options: OwnTargetOptions;
  #lock: HeldLock | null = null;

  constructor(options: OwnTargetOptions) {
    this.#options = options;
  }

  /** Our commands are short, and the daemon knows how to come back. */
  readonly standsBack = (application: string): boolean =>
    /^(backup-awareness|engine-backup|engine-config)/.test(application);

  async standBack(): Promise<void> {
    const { settings, log, closeConnections } = this.#options;
    this.#lock ??= await takeRestoreLock(settings);
    await closeConnections();
    await this.#waitForDaemon();
    log.info("no daemon works with our own database");
  }

  async finish(database: string, reports: readonly Report[]): Promise<void> {
    const { context, settings, log, url, password, embedded } = this.#options;
    const pool = openPool({
      url: databaseUrlWithoutPassword(url, { database }),
      password: () => Promise.resolve(password),
      role: "owner",
      applicationName: context.programName,
      maxConnections: 2,
      plain: embedded,
      onIdleError: () => undefined,
    });
    try {
      const source = await readSchemaSource(context.sqlDirectory);
      const { applied } = await migrate({
        pool,
        source,
        ownFqdn: settings.fqdn,
        programVersion: context.programVersion,
      });
      if (applied.length > 0) log.info(`migrated: ${applied.join(", ")}`);
      for (const report of reports) await recordReport(pool, report);
      const withdrawn = await settleRestoredDatabase(pool);
      log.info(`${reports.length} reports of the archive recorded, ${withdrawn} notifications withdrawn`);
    } finally {
      await pool.end();
    }
  }

  /** The daemon works on. Calling twice is safe. */
  async close(): Promise<void> {
    await this.#lock?.release();
  }

  async #waitForDaemon(): Promise<void> {
    const { server, disconnect, context } = this.#options;
    const deadline = performance.now() + standBackTimeoutMs;
    await withConnection(server, server.database, async (client) => {
      for (;;) {
        const daemons = (await readSessions(client, server.database)).filter(
          ({ application }) => application === daemonName,
        );
        if (daemons.length === 0 || disconnect) return;
        context.signal.throwIfAborted();
        if (performance.now() > deadline) {
          throw new BackupAwarenessError(
            "RESTORE_FAILED",
            `a daemon still works with our own database after ${standBackTimeoutMs / 1000} s (from ${daemons.map(({ from }) => from).join(", ")})`,
            { hint: "stop it, on whatever host it runs, or add --disconnect to have its sessions ended" },
          );
        }
        await delay(pollMs);
      }
    });
  }
}
