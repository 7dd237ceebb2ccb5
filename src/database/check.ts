import type { Pool } from "pg";
import { callProcedure } from "./procedure-errors.ts";
import type { Queries } from "./snapshot.ts";

/**
 * Runs the check now: raises and clears what time has turned, and puts the next check into the queue.
 *
 * @returns numbers of the alerts that were raised and cleared
 */
export async function runCheck(
  pool: Pool,
): Promise<{ readonly raised: readonly number[]; readonly cleared: readonly number[] }> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ raised: string[]; cleared: string[] }>(
      "select raised, cleared from backup_awareness.run_check()",
    );
    return { raised: (rows[0]?.raised ?? []).map(Number), cleared: (rows[0]?.cleared ?? []).map(Number) };
  });
}

/** When the check ran, and what the schedule is. */
export type CheckRecord = {
  readonly ownFqdn: string | null;
  readonly installedAt: Date;
  /** null: never. */
  readonly checkedAt: Date | null;
  /** How long the last check took; null: never. */
  readonly checkDurationMs: number | null;
  /** Engines that the last check left out, since an open transaction held them. */
  readonly skippedEngines: number;
  /** null: the feature is disabled. */
  readonly periodHours: number | null;
  /** The database's clock, which decides. */
  readonly now: Date;
};

/** Reads when the check ran last. */
export async function readCheckRecord(pool: Queries): Promise<CheckRecord> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{
      own_fqdn: string | null;
      installed_at: Date;
      checked_at: Date | null;
      check_duration_ms: number | null;
      check_skipped_engines: number;
      period_hours: number | null;
      now: Date;
    }>(
      `select i.own_fqdn, i.installed_at, i.checked_at, i.check_duration_ms, i.check_skipped_engines,
              case when p.is_enabled then extract(epoch from p.check_period)::integer / 3600 end as period_hours, clock_timestamp() as now
       from backup_awareness.installation i, backup_awareness.policy() p`,
    );
    const row = rows[0];
    if (!row) throw new Error("the table installation is empty");
    return {
      ownFqdn: row.own_fqdn,
      installedAt: row.installed_at,
      checkedAt: row.checked_at,
      checkDurationMs: row.check_duration_ms,
      skippedEngines: row.check_skipped_engines,
      periodHours: row.period_hours,
      now: row.now,
    };
  });
}

/** Removes events, notifications and deliveries older than the option AuditLogRetentionInDays, in short transactions. Returns how many. */
export async function removeOldEvents(pool: Pool, signal?: AbortSignal): Promise<number> {
  return callProcedure("INTERNAL", async () => {
    let total = 0;
    while (!signal?.aborted) {
      const { rows } = await pool.query<{ removed: number }>(
        "select backup_awareness.remove_old_events() + backup_awareness.remove_old_notifications() as removed",
      );
      const removed = rows[0]?.removed ?? 0;
      total += removed;
      if (removed === 0) break;
    }
    return total;
  });
}
