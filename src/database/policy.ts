import type { Pool } from "pg";
import { callProcedure } from "./procedure-errors.ts";

/** The option that decides how old a backup may be, and the clock by which that is judged. */
export type Policy = {
  readonly isEnabled: boolean;
  readonly alertPeriodDays: number;
  readonly fullScopes: readonly string[];
  /** The database's clock. */
  readonly now: Date;
};

export async function readPolicy(pool: Pool): Promise<Policy> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ is_enabled: boolean; hours: number; full_scopes: string[]; now: Date }>(
      `select is_enabled, extract(epoch from alert_period)::integer / 3600 as hours, full_scopes, clock_timestamp() as now
       from backup_awareness.policy()`,
    );
    const row = rows[0];
    if (row === undefined) throw new Error("the database has no policy");
    return { isEnabled: row.is_enabled, alertPeriodDays: row.hours / 24, fullScopes: row.full_scopes, now: row.now };
  });
}
