import type { Pool } from "pg";
import type { EngineState } from "../contract/state.ts";
import { callProcedure } from "./procedure-errors.ts";
import type { Queries } from "./snapshot.ts";

export type EngineCounts = Readonly<Record<EngineState | "total", number>>;

/** How many engines there are in each state at this moment. */
export async function countEngines(pool: Queries): Promise<EngineCounts> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ enabled: boolean; total: string; none: string; stale: string }>(
      `with moment as (
         select p.is_enabled, n.now, n.now - p.alert_period as oldest_fresh from backup_awareness.policy() p, clock_timestamp() as n(now)
       )
       select m.is_enabled as enabled,
              (select count(*) from backup_awareness.engine) as total,
              (select count(*) from backup_awareness.engine where full_backup_at is null) as none,
              (select count(*) from backup_awareness.engine where default_oldest_at < m.oldest_fresh)
              + (select count(*) from backup_awareness.engine
                 where own_stale_at < m.now and (default_oldest_at < m.oldest_fresh) is not true) as stale
       from moment m`,
    );
    const row = rows[0];
    if (row === undefined) throw new Error("the database has no policy");
    const [total, none, stale] = [Number(row.total), Number(row.none), Number(row.stale)];
    if (!row.enabled) return { total, disabled: total, no_full_backup: 0, stale: 0, fresh: 0 };
    return { total, disabled: 0, no_full_backup: none, stale, fresh: total - none - stale };
  });
}

/** Whether any report was ever received. */
export async function hasReports(pool: Pool): Promise<boolean> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ found: boolean }>(
      "select exists (select from backup_awareness.backup) as found",
    );
    return rows[0]?.found ?? false;
  });
}
