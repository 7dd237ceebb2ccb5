import { setTimeout as delay } from "node:timers/promises";
import type { Pool, PoolClient } from "pg";
import type { Logger } from "pino";
import { freeDeadJobs, freeDeadJobsTiming } from "../awareness/free-dead-jobs.ts";
import { type Health, judgeHealth } from "../awareness/health.ts";
import { checkSchedule } from "../awareness/check-schedule.ts";
import { keepImporting } from "../awareness/keep-importing.ts";
import { keepReplayingReports, replayReports } from "../awareness/replay-reports.ts";
import { type JobRunner, runJobs } from "../awareness/run-jobs.ts";
import { reasonToStandBack, watchRestores } from "../awareness/stand-back.ts";
import { awarenessTasks } from "../awareness/tasks.ts";
import { type DatabaseWatch, reasonOf, watchDatabase, watchTiming, withTimeout } from "../awareness/watch-database.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { readCheckRecord } from "../database/check.ts";
import { wakeChannels } from "../database/deliveries.ts";
import { acquireDaemonLock } from "../database/daemon-lock.ts";
import type { Database } from "../database/database.ts";
import { addEngine, setOwnEngine } from "../database/engines.ts";
import { holdWorkerLock, queueCheck, queueRetention } from "../database/job-queue.ts";
import { openMigratedDatabase } from "../database/open-migrated-database.ts";
import { isUnreachable } from "../database/procedure-errors.ts";
import { type TrackedConnections, trackConnections } from "../database/track-connections.ts";
import { notificationTasks } from "../notification/tasks.ts";
import type { Environment } from "../settings/environment.ts";
import { settingKeys } from "../settings/setting-keys.ts";
import type { Settings } from "../settings/settings.ts";
import { buildMetricsServer } from "./metrics/metrics-server.ts";
import { scraper } from "./metrics/scrape.ts";
import { offerFirstLink } from "./password-links.ts";
import { buildServer, listen } from "./server.ts";
import type { SystemdNotifier } from "./systemd-notify.ts";

export type DaemonOptions = {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly sqlDirectory: string;
  readonly programVersion: string;
  readonly logger: Logger;
  readonly systemd: SystemdNotifier;
  readonly now: () => Date;
  /** Aborted to stop. */
  readonly signal: AbortSignal;
  /** Called once, when the database is open and the first check is queued. */
  readonly onReady: (ready: ReadyDaemon) => Promise<void>;
};

export type ReadyDaemon = { readonly database: Database; readonly healthUrl: string };

/** Who opened a session, in pg_stat_activity. */
const applicationName = "backup-awareness daemon";
/** Of these the API has no more than mostCallsAtOnce. */
const maxConnections = 18;
/** How long /health waits for the database's answer. */
const healthTimeoutMs = 2_000;
/** How long running jobs may go on once the daemon is to stop: the whole stop takes at most five seconds. */
const stopGraceMs = 2_000;
/** systemd's watchdog is told that all is well only while the database's watch is not stuck: it moves at least this often. */
const stuckAfterMs = 30_000;
/** How long what was cut off may take to end. */
const cutTimeoutMs = 500;
const longestOpenPauseMs = 5_000;
/** How long the check waits for the spool. */
const replayHeadStartMs = 5_000;

/**
 * Runs the daemon until `signal` aborts; then stops it in order and returns. Locks the home, listens, opens and migrates the database, checks
 * at once and keeps checking, through absences of the database.
 * Throws HOME_IN_USE, HOME_UNUSABLE, SETTINGS_INVALID (listen), and what opening the database throws; an external database that does
 * not answer is waited for.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { settings, environment, logger, systemd } = options;
  const lock = await acquireDaemonLock(settings, environment.userId);
  try {
    await runWithLock(options);
  } catch (error) {
    if (!options.signal.aborted) throw error;
    logger.debug({ err: error }, "ended while it was starting");
  } finally {
    systemd.close();
    await lock.release();
  }
}

async function runWithLock(options: DaemonOptions): Promise<void> {
  const { settings, logger } = options;
  const state: DaemonState = { database: null, watch: null, waitsFor: null, ready: false };
  const scrape = scraper({
    pool: () => presentPool(state),
    mostEngines: settings.metrics.maxEngines,
    build: { version: options.programVersion, nodeVersion: process.versions.node },
    logger,
  });
  const metricsServer = settings.metrics.listen === null ? null : buildMetricsServer(scrape);
  const server = buildServer({
    logger,
    readHealth: () => readHealth(state, options.signal),
    scrape,
    api: { settings, programVersion: options.programVersion, now: options.now, logger, pool: () => presentPool(state) },
  });
  try {
    const url = await listen(server, settings.listen);
    logger.info({ url }, `listening on ${url}`);
    if (metricsServer !== null && settings.metrics.listen !== null) {
      const metricsUrl = await listen(metricsServer, settings.metrics.listen, settingKeys.metricsListen);
      logger.info({ url: `${metricsUrl}/metrics` }, `metrics without a token on ${metricsUrl}/metrics`);
    }
    const database = await openWhenThere(options, state);
    state.database = database;
    try {
      await work(options, state, database, `${url}/health`);
    } finally {
      // The embedded server is stopped in order; another database may not answer any more.
      if (database.embedded) await database.close();
      else await withTimeout(database.close(), cutTimeoutMs).catch(() => undefined);
    }
  } finally {
    await server.close();
    await metricsServer?.close();
  }
}

async function work(options: DaemonOptions, state: DaemonState, database: Database, healthUrl: string): Promise<void> {
  const { settings, logger, systemd, now } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const daemonWork = new DaemonWork({ ...options, signal }, database);
  try {
    const watch = daemonWork.watch();
    state.watch = watch;
    await Promise.race([daemonWork.begun, watch.ended]);
    signal.throwIfAborted();
    state.ready = true;
    logger.info({ engine: settings.fqdn, health: healthUrl, embedded: database.embedded }, "the daemon is ready");
    systemd.ready(`Watching; ${healthUrl}`);
    systemd.watch(() => now().getTime() - watch.lastBeatAt().getTime() < stuckAfterMs);
    void offerSignIn(options, database, new URL(healthUrl).origin);
    options.onReady({ database, healthUrl }).catch((error: unknown) => {
      // A database that goes away in this moment is the watch's to tell.
      logger.debug({ err: error }, "could not say what to do next");
    });
    await watch.ended;
  } finally {
    systemd.stopping();
    stop.abort();
    await state.watch?.ended;
    await daemonWork.stopped();
  }
}

/** Until somebody can sign in who may administer, every start offers a link for that: there is no default password. */
async function offerSignIn({ logger, now }: DaemonOptions, { pool }: Database, url: string): Promise<void> {
  try {
    const link = await offerFirstLink(pool, applicationName, now());
    if (link === null) return;
    logger.info(`set the admin's password, within an hour: ${url}${link.path}`);
  } catch (error) {
    // A database that goes away in this moment is the watch's to tell; the next start offers it again.
    logger.debug({ err: error }, "could not offer a link for the first admin");
  }
}

type DaemonState = {
  database: Database | null;
  watch: DatabaseWatch | null;
  /** Why the database could not be opened yet. */
  waitsFor: string | null;
  ready: boolean;
};

/** The database's pool, where the database is not known to be away. @throws DATABASE_UNREACHABLE */
function presentPool(state: DaemonState): Pool {
  const reason = state.watch?.away()?.reason ?? state.waitsFor;
  if (state.database !== null && reason === null) return state.database.pool;
  throw new BackupAwarenessError(
    "DATABASE_UNREACHABLE",
    reason === null ? "the database is not open yet" : `the database does not answer: ${reason}`,
    { hint: "it is tried again until it answers" },
  );
}

async function readHealth(state: DaemonState, signal: AbortSignal): Promise<Health> {
  const phase = signal.aborted ? "stopping" : state.ready || state.waitsFor !== null ? "running" : "starting";
  const known = state.waitsFor ?? state.watch?.away()?.reason ?? null;
  if (known !== null || state.database === null || signal.aborted)
    return judgeHealth({ phase, databaseFault: known, record: null });
  try {
    const record = await withTimeout(readCheckRecord(state.database.pool), healthTimeoutMs);
    return judgeHealth({ phase, databaseFault: null, record });
  } catch (error) {
    return judgeHealth({ phase, databaseFault: reasonOf(error), record: null });
  }
}

/** Opens the database; one that does not answer is tried again until it does, which is said once. */
async function openWhenThere(options: DaemonOptions, state: DaemonState): Promise<Database> {
  const { settings, logger, signal, systemd, now } = options;
  const begunAt = now();
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 2, longestOpenPauseMs)) {
    signal.throwIfAborted();
    try {
      const opening = openMigratedDatabase({
        settings,
        environment: options.environment,
        role: "daemon",
        applicationName,
        maxConnections,
        keepsServer: true,
        logger: databaseLogger(logger),
        sqlDirectory: options.sqlDirectory,
        programVersion: options.programVersion,
        migrates: "any",
      });
      // The embedded server is waited for, so that it does not stay behind; another one may never answer.
      const database = await (settings.databaseUrl === null ? opening : unlessAborted(opening, signal));
      if (state.waitsFor !== null) {
        const seconds = ((now().getTime() - begunAt.getTime()) / 1000).toFixed(1);
        logger.info({ seconds: Number(seconds) }, `database is back after ${seconds} s`);
      }
      state.waitsFor = null;
      return database;
    } catch (error) {
      if (settings.databaseUrl === null || !isUnreachable(error)) throw error;
      const reason = reasonOf(error);
      if (state.waitsFor === null) {
        logger.warn({ reason }, `database is away: ${reason}; it is tried again until it answers`);
        // Started is what systemd wants to know; whether all is well is /health's to say.
        systemd.ready(`Waiting for the database: ${reason}`);
      }
      state.waitsFor = reason;
    }
    await delay(pauseMs, undefined, { signal });
  }
}

/** Rejects when `signal` aborts before `work` is done; the work itself goes on. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  work.catch(() => undefined);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(new Error("the daemon stops"));
  };
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What the daemon does while the database answers: begun at every return of it, ended at every absence. */
class DaemonWork {
  readonly #options: DaemonOptions;
  readonly #database: Database;
  readonly #connections: TrackedConnections;
  readonly #begun = Promise.withResolvers<undefined>();
  /** The workers that may still hold jobs: the present one, and earlier ones that end. */
  readonly #runners = new Set<JobRunner>();
  #runner: JobRunner | null = null;
  #hasNamedEngine = false;
  /** A restore wants the database. */
  #standsBack = false;
  /** The workers that still end, and what else does. */
  readonly #runnerEndings = new Set<Promise<void>>();
  readonly #endings = new Set<Promise<void>>();
  /** Aborted when the database goes away. */
  #session: AbortController | null = null;

  constructor(options: DaemonOptions, database: Database) {
    this.#options = options;
    this.#database = database;
    this.#connections = trackConnections(database.pool);
  }

  /** Settles when the work has begun for the first time. */
  get begun(): Promise<undefined> {
    return this.#begun.promise;
  }

  /** Settles when no job runs any more. What still waits for an answer of the database then waits no longer. */
  async stopped(): Promise<void> {
    await Promise.all(this.#runnerEndings);
    this.#connections.cut();
    await withTimeout(Promise.all(this.#endings), cutTimeoutMs).catch(() => undefined);
  }

  /**
   * Makes this host's engine known. The embedded database is this host's, so its own engine follows the settings; a database of the
   * administrator's own, which many hosts may share, keeps the own engine of its set-up.
   */
  async #nameEngine(): Promise<void> {
    if (this.#hasNamedEngine) return;
    const { settings, logger } = this.#options;
    const { pool, embedded } = this.#database;
    if (embedded) await setOwnEngine(pool, settings.fqdn);
    else if (await addEngine(pool, settings.fqdn, applicationName))
      logger.info({ engine: settings.fqdn }, `engine ${settings.fqdn} is known from now on`);
    this.#hasNamedEngine = true;
  }

  watch(): DatabaseWatch {
    const { logger, now, signal } = this.#options;
    const { pool } = this.#database;
    return watchDatabase({
      pool,
      connections: this.#connections,
      logger,
      timing: watchTiming,
      now,
      signal,
      begin: (presence, lose) => this.#begin(presence, lose),
      beat: () => this.#beat(),
      end: () => {
        this.#end();
      },
    });
  }

  async #begin(presence: PoolClient, lose: (reason: string) => void): Promise<void> {
    const { settings, environment, logger, now, signal } = this.#options;
    const { pool } = this.#database;
    const reason = await reasonToStandBack(settings);
    if (reason !== null) throw new Error(reason);
    // Workers of before the absence still hold jobs until they have ended.
    for (const { id } of this.#runners) await holdWorkerLock(presence, id);
    await this.#nameEngine();
    const spool = { home: settings.home, pool, logger };
    // A warning must not go out that a report in the spool takes back; but a long spool must not hold up the check.
    await withTimeout(replayReports(spool), replayHeadStartMs).catch(() => undefined);
    await queueCheck(pool);
    await queueRetention(pool);
    await wakeChannels(pool);
    const runner = await runJobs({
      pool,
      tasks: {
        ...awarenessTasks({ pool, logger, signal }),
        ...notificationTasks({
          pool,
          logger,
          settings: { ...settings, programVersion: this.#options.programVersion },
          now: this.#options.now,
          signal,
        }),
      },
      logger,
      announce: (id) => holdWorkerLock(presence, id),
      onEnd: lose,
    });
    this.#runners.add(runner);
    this.#runner = runner;
    const session = new AbortController();
    this.#session = session;
    const standBack = (why: string): void => {
      this.#standsBack = true;
      lose(why);
    };
    follow(this.#endings, watchRestores(settings, standBack, session.signal));
    follow(this.#endings, freeDeadJobs({ pool, logger, ...freeDeadJobsTiming, signal: session.signal }));
    follow(this.#endings, keepReplayingReports(spool, session.signal));
    const importing = {
      importers: settings.importers,
      pool,
      env: environment.env,
      logger,
      now,
      actor: applicationName,
    };
    follow(this.#endings, keepImporting(importing, session.signal));
    this.#begun.resolve(undefined);
  }

  /** A check whose job was lost, by hand or by a failure that is not tried again, is queued again. */
  async #beat(): Promise<void> {
    const { pool } = this.#database;
    if (checkSchedule(await readCheckRecord(pool)).overdue) await queueCheck(pool);
  }

  #end(): void {
    this.#session?.abort();
    this.#session = null;
    const runner = this.#runner;
    this.#runner = null;
    if (runner === null) return;
    const standsBack = this.#standsBack;
    this.#standsBack = false;
    const ending = runner.stop(stopGraceMs).then(() => {
      this.#runners.delete(runner);
      if (!standsBack) return;
      // The database that comes back may be another's backup, and is to find none of our sessions in its way.
      this.#hasNamedEngine = false;
      this.#connections.cut();
    });
    follow(this.#runnerEndings, ending);
  }
}

/** Keeps a promise in the set until it is settled. */
function follow(set: Set<Promise<void>>, ending: Promise<void>): void {
  const followed = ending.finally(() => set.delete(followed));
  set.add(followed);
}

/** The loss of an idle connection is not news by itself: the watch tells what it means. */
function databaseLogger(logger: Logger): Pick<Logger, "info" | "warn"> {
  return {
    info: logger.info.bind(logger),
    warn: (details: object, message: string) => {
      if (message.startsWith("an idle database connection")) logger.debug(details, message);
      else logger.warn(details, message);
    },
  } as Pick<Logger, "info" | "warn">;
}
