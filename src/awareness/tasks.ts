import type { TaskList } from "graphile-worker";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { readAlerts } from "../database/alerts.ts";
import { removeOldEvents, runCheck } from "../database/check.ts";
import { queueNextRetention } from "../database/job-queue.ts";

/** Further alerts of one check are counted, not told one by one. */
const toldAlerts = 20;

/** The jobs of awareness: the check, which queues the next one itself, and the removal of old events. */
export function awarenessTasks({
  pool,
  logger,
  signal,
}: {
  readonly pool: Pool;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): TaskList {
  return {
    check: async () => {
      const { raised, cleared } = await runCheck(pool);
      logger.info(
        { raised: raised.length, cleared: cleared.length },
        `check: ${raised.length} alerts raised, ${cleared.length} cleared`,
      );
      await tellAlerts(pool, logger, raised);
    },
    remove_old_events: async () => {
      const removed = await removeOldEvents(pool, signal);
      if (removed > 0) logger.info({ removed }, `${removed} old events and deliveries removed`);
      await queueNextRetention(pool);
    },
  };
}

async function tellAlerts(pool: Pool, logger: Logger, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  for (const alert of await readAlerts(pool, { ids: ids.slice(0, toldAlerts) })) {
    logger.warn(
      { alert: alert.id, type: alert.type, engine: alert.fqdn, scope: alert.scope },
      alert.message ?? alert.type,
    );
  }
}
