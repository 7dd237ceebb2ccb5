import { EventEmitter } from "node:events";
import { type Job, Logger as WorkerLogger, run, type Runner, type TaskList, type WorkerEvents } from "graphile-worker";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { reasonOf, withTimeout } from "./watch-database.ts";

/** At most so many jobs at once: most of them wait for a channel's other side, which must not keep the check waiting. */
const concurrency = 4;
/** How late a job may begin whose time comes; one that is due when it is queued begins at once, by LISTEN. */
const pollIntervalMs = 10_000;
/** How long putting jobs back may take. */
const killTimeoutMs = 1_000;

/** A worker of the job queue: takes jobs from the moment it exists. */
export type JobRunner = {
  /** By which the queue knows who holds a job. */
  readonly id: string;
  /**
   * Takes no further jobs and waits for those that run; after `graceMs` they are put back into the queue. Calling twice is safe. Never rejects.
   */
  stop(graceMs: number): Promise<void>;
};

export type RunJobsOptions = {
  readonly pool: Pool;
  readonly tasks: TaskList;
  readonly logger: Logger;
  /** Called with the worker's id before it takes its first job. Where it fails, the worker takes none. */
  readonly announce: (workerId: string) => Promise<void>;
  /** Told when the worker ends without having been asked to. */
  readonly onEnd: (reason: string) => void;
};

/** Starts a worker of the job queue. Rejects where the database does not answer. */
export async function runJobs(options: RunJobsOptions): Promise<JobRunner> {
  const { logger } = options;
  const events = new EventEmitter() as WorkerEvents;
  const created = Promise.withResolvers<string>();
  let announced: Promise<void> | null = null;
  events.on("pool:create", ({ workerPool }) => {
    created.resolve(workerPool.id);
  });
  events.on("job:error", ({ job, error }) => {
    tellFailure(logger, job, error);
  });
  const runner = await run({
    pgPool: options.pool,
    schema: "graphile_worker",
    taskList: options.tasks,
    parsedCronItems: [],
    noHandleSignals: true,
    concurrency,
    pollInterval: pollIntervalMs,
    logger: quietLogger(logger),
    events,
    preset: {
      // A job whose end cannot be written down is told by an event, not printed by the library.
      worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 },
      plugins: [
        {
          name: "AnnounceWorkerPlugin",
          version: "1.0.0",
          worker: {
            hooks: { startWorker: (_context, { worker }) => (announced ??= options.announce(worker.workerPool.id)) },
          },
        },
      ],
    },
  });
  let stopping: Promise<void> | null = null;
  runner.promise.then(
    () => {
      if (stopping === null) options.onEnd("the job worker ended");
    },
    (error: unknown) => {
      if (stopping === null) options.onEnd(`the job worker failed: ${reasonOf(error)}`);
    },
  );
  const id = await created.promise;
  return { id, stop: (graceMs) => (stopping ??= stopRunner(runner, graceMs, logger)) };
}

async function stopRunner(runner: Runner, graceMs: number, logger: Logger): Promise<void> {
  const stopped = runner.stop().catch((error: unknown) => {
    logger.debug({ err: error }, "the job worker did not end in order");
  });
  const grace = Promise.withResolvers<"late">();
  const timer = setTimeout(() => {
    grace.resolve("late");
  }, graceMs);
  const outcome = await Promise.race([stopped, grace.promise]);
  clearTimeout(timer);
  if (outcome !== "late") return;
  logger.debug("the job worker did not end in time: what it still runs is put back into the queue");
  // The database may be what it waits for.
  await withTimeout(runner.kill("the daemon stops"), killTimeoutMs).catch(() => undefined);
}

/** The first failure of a job is news; its retries, every few seconds or minutes, are not. */
function tellFailure(logger: Logger, job: Job, error: unknown): void {
  const details = { job: job.task_identifier, attempt: job.attempts, reason: reasonOf(error) };
  const message = `the job "${job.task_identifier}" failed and is tried again: ${details.reason}`;
  if (job.attempts === 1) logger.warn(details, message);
  else logger.debug(details, message);
}

/** What the library says is for developers; what an administrator must know is said by our own code. */
function quietLogger(logger: Logger): WorkerLogger {
  return new WorkerLogger((scope) => (level, message) => {
    logger.debug({ level: undefined, worker: scope.workerId, said: level }, message);
  });
}
