import { setTimeout as delay } from "node:timers/promises";
import type { Pool, PoolClient } from "pg";
import type { Logger } from "pino";
import type { TrackedConnections } from "../database/track-connections.ts";

/** Units: milliseconds. A test makes them shorter. */
export type WatchTiming = {
  /** Between two questions whether the database answers. */
  readonly beatPeriodMs: number;
  /** How long it may take to answer before it counts as away. */
  readonly answerTimeoutMs: number;
  readonly firstPauseMs: number;
  /** The longest pause between two tries to reach it again. */
  readonly longestPauseMs: number;
};

export const watchTiming: WatchTiming = {
  beatPeriodMs: 5_000,
  answerTimeoutMs: 5_000,
  firstPauseMs: 100,
  longestPauseMs: 5_000,
};

export type DatabaseWatch = {
  /** null: the database answers. */
  away(): { readonly since: Date; readonly reason: string } | null;
  /** When the watch last did anything: it is stuck when that is long ago. */
  lastBeatAt(): Date;
  /** Settles when the watch has ended, after `signal` has aborted. Never rejects. */
  readonly ended: Promise<void>;
};

export type WatchDatabaseOptions = {
  readonly pool: Pool;
  readonly connections: TrackedConnections;
  readonly logger: Logger;
  readonly timing: WatchTiming;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /**
   * The database answers: begin to work. The connection stays ours as long as it does. Its loss ends the session, and so does `lose`, called
   * with the reason.
   */
  readonly begin: (presence: PoolClient, lose: (reason: string) => void) => Promise<void>;
  /** At every beat, while the database answers. */
  readonly beat: () => Promise<void>;
  /** The database went away, or the watch ends: begun work stops. Must not throw. */
  readonly end: () => void;
};

/**
 * Keeps one connection to the database, tells once when it goes away and once when it is back, and has the daemon's
 * work begin and end with it.
 */
export function watchDatabase(options: WatchDatabaseOptions): DatabaseWatch {
  const { pool, connections, logger, timing, now, signal } = options;
  let away: { readonly since: Date; readonly reason: string } | null = null;
  let lastBeatAt = now();
  let pauseMs = timing.firstPauseMs;

  /** A connection that comes after the watch has ended is not kept. */
  const connect = async (): Promise<PoolClient> => {
    const connecting = pool.connect();
    try {
      return await withTimeout(connecting, timing.answerTimeoutMs * 2, signal);
    } catch (error) {
      void connecting.then(
        (client) => {
          client.release(true);
        },
        () => undefined,
      );
      throw error;
    }
  };

  const session = async (): Promise<unknown> => {
    let presence: PoolClient | null = null;
    const lost = Promise.withResolvers<unknown>();
    const onError = (error: Error): void => {
      lost.resolve(error);
    };
    try {
      presence = await connect();
      presence.once("error", onError);
      const lose = (why: string): void => {
        lost.resolve(why);
      };
      await withTimeout(options.begin(presence, lose), timing.answerTimeoutMs * 2, signal);
      if (away !== null) {
        const seconds = ((now().getTime() - away.since.getTime()) / 1000).toFixed(1);
        logger.info({ seconds: Number(seconds) }, `database is back after ${seconds} s`);
      }
      away = null;
      pauseMs = timing.firstPauseMs;
      return await Promise.race([lost.promise, beatUntilLost(presence)]);
    } catch (error) {
      return error;
    } finally {
      presence?.off("error", onError);
      presence?.release(true);
      options.end();
    }
  };

  const beatUntilLost = async (presence: PoolClient): Promise<unknown> => {
    while (!signal.aborted) {
      await withTimeout(presence.query("select 1"), timing.answerTimeoutMs, signal);
      await withTimeout(options.beat(), timing.answerTimeoutMs, signal);
      lastBeatAt = now();
      await pause(timing.beatPeriodMs);
    }
    return null;
  };

  const pause = (ms: number): Promise<unknown> => delay(ms, undefined, { signal }).catch(() => undefined);

  const tellAway = (error: unknown): void => {
    if (signal.aborted) return;
    const reason = reasonOf(error);
    if (away === null) logger.warn({ reason }, `database is away: ${reason}`);
    else connections.cut(); // the second failure in a row: what still waits for an answer waits in vain
    away = { since: away?.since ?? now(), reason };
  };

  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      tellAway(await session());
      lastBeatAt = now();
      await pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, timing.longestPauseMs);
    }
  };

  return { away: () => away, lastBeatAt: () => lastBeatAt, ended: watch() };
}

/** Rejects when `work` takes longer, or `signal` aborts before; the work itself goes on. */
export async function withTimeout<Result>(
  work: Promise<Result>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Result> {
  work.catch(() => undefined);
  const end = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    end.reject(new Error(`no answer within ${timeoutMs / 1000} s`));
  }, timeoutMs);
  const onAbort = (): void => {
    end.reject(new Error("the daemon stops"));
  };
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  try {
    return await Promise.race([work, end.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error && error.message !== "" ? error.message : String(error);
}
