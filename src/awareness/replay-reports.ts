import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { recordLateReport } from "../database/record-report.ts";
import { replaySpool } from "../report/spool.ts";
import { homePlaces } from "../settings/settings.ts";
import { reasonOf } from "./watch-database.ts";

/** How soon a report that another process has spooled is recorded while the database answers. */
const replayPeriodMs = 30_000;

export type ReplayReportsOptions = { readonly home: string; readonly pool: Pool; readonly logger: Logger };

/** Records the reports that wait in the spool, and says so. Never rejects: what could not be recorded waits on. */
export async function replayReports({ home, pool, logger }: ReplayReportsOptions): Promise<void> {
  try {
    const { recorded, refused, remaining, stoppedBy } = await replaySpool(join(home, homePlaces.spool), (report) =>
      recordLateReport(pool, report),
    );
    if (recorded > 0) logger.info({ recorded, remaining }, `${recorded} spooled reports recorded`);
    for (const { file, reason } of refused)
      logger.warn({ file, reason }, `a spooled report is refused and set aside: ${reason}`);
    if (stoppedBy !== null) logger.debug({ remaining, reason: reasonOf(stoppedBy) }, "the spool could not be replayed");
  } catch (error) {
    logger.warn({ reason: reasonOf(error) }, reasonOf(error));
  }
}

/** The same again and again until `signal` aborts. */
export async function keepReplayingReports(options: ReplayReportsOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    await delay(replayPeriodMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    await replayReports(options);
  }
}
