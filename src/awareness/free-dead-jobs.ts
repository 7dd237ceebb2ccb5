import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { findDeadWorkers, freeJobsOf } from "../database/job-queue.ts";

export type FreeDeadJobsOptions = {
  readonly pool: Pool;
  readonly logger: Logger;
  /** Between the first two looks: longer than a living daemon needs to say again that it lives, after its connection was cut. */
  readonly secondLookMs: number;
  /** Between further looks. */
  readonly lookPeriodMs: number;
  readonly signal: AbortSignal;
};

/** A living daemon whose connection was cut is back within 5 s (see watch-database.ts), or the database is away for it too. */
export const freeDeadJobsTiming = { secondLookMs: 10_000, lookPeriodMs: 60_000 } as const;

/**
 * Gives back, until `signal` aborts, the jobs that killed daemons hold: graphile-worker itself would wait four hours. Only who was found dead
 * in two looks in a row is dead: a daemon on another host whose connection was cut for a moment keeps its jobs.
 */
export async function freeDeadJobs(options: FreeDeadJobsOptions): Promise<void> {
  const { pool, logger, signal } = options;
  let suspects: ReadonlySet<string> = new Set();
  for (let look = 1; !signal.aborted; look++) {
    try {
      const found = await findDeadWorkers(pool);
      const dead = found.filter((id) => suspects.has(id));
      if (dead.length > 0) {
        await freeJobsOf(pool, dead);
        logger.info({ workers: dead }, "gave back the jobs of daemons that were killed");
      }
      suspects = new Set(found);
    } catch (error) {
      // The database's absence is watched and told elsewhere.
      suspects = new Set();
      logger.debug({ err: error }, "could not look for the jobs of killed daemons");
    }
    await delay(look === 1 ? options.secondLookMs : options.lookPeriodMs, undefined, { signal }).catch(() => undefined);
  }
}
