import type { Pool } from "pg";
import type { AlertType } from "../contract/event.ts";
import { callProcedure } from "./procedure-errors.ts";

/** A warning that is or was open. */
export type Alert = {
  readonly id: number;
  readonly fqdn: string;
  /** null: it is about the engine as a whole. */
  readonly scope: string | null;
  readonly type: AlertType;
  readonly raisedAt: Date;
  readonly clearedAt: Date | null;
  readonly dismissedAt: Date | null;
  readonly dismissedBy: string | null;
  readonly dismissalNote: string | null;
  /** What it says now; null once it is cleared. */
  readonly message: string | null;
};

export type AlertFilter = {
  /** Only these; open or not. */
  readonly ids?: readonly number[];
  readonly fqdns?: readonly string[] | null;
};

/** Open alerts, oldest first; or those with the given numbers, open or not. */
export async function readAlerts(pool: Pool, filter: AlertFilter = {}): Promise<readonly Alert[]> {
  return callProcedure("ALERT_UNKNOWN", async () => {
    const { rows } = await pool.query<{
      id: string;
      fqdn: string;
      scope: string | null;
      type: AlertType;
      raised_at: Date;
      cleared_at: Date | null;
      dismissed_at: Date | null;
      dismissed_by: string | null;
      dismissal_note: string | null;
      message: string | null;
    }>(
      `select id, fqdn, scope, type, raised_at, cleared_at, dismissed_at, dismissed_by, dismissal_note,
              case when cleared_at is null then backup_awareness.alert_message(type, fqdn, scope) end as message
       from backup_awareness.alert
       where case when $1::bigint[] is null then cleared_at is null else id = any ($1) end
         and ($2::varchar[] is null or fqdn = any ($2))
       order by raised_at, id`,
      [filter.ids ?? null, filter.fqdns?.map((fqdn) => fqdn.toLowerCase()) ?? null],
    );
    return rows.map((row) => ({
      id: Number(row.id),
      fqdn: row.fqdn,
      scope: row.scope,
      type: row.type,
      raisedAt: row.raised_at,
      clearedAt: row.cleared_at,
      dismissedAt: row.dismissed_at,
      dismissedBy: row.dismissed_by,
      dismissalNote: row.dismissal_note,
      message: row.message,
    }));
  });
}

/** Marks an open alert as seen; it stays open. Returns whether that was new. @throws ALERT_UNKNOWN */
export async function dismissAlert(pool: Pool, id: number, actor: string, note: string | null): Promise<boolean> {
  return callProcedure("ALERT_UNKNOWN", async () => {
    const { rows } = await pool.query<{ is_new: boolean }>(
      "select backup_awareness.dismiss_alert($1, $2, $3) as is_new",
      [id, actor, note],
    );
    return rows[0]?.is_new ?? false;
  });
}

/** Undoes a dismissal. Returns whether there was one. @throws ALERT_UNKNOWN */
export async function restoreAlert(pool: Pool, id: number, actor: string): Promise<boolean> {
  return callProcedure("ALERT_UNKNOWN", async () => {
    const { rows } = await pool.query<{ is_new: boolean }>("select backup_awareness.restore_alert($1, $2) as is_new", [
      id,
      actor,
    ]);
    return rows[0]?.is_new ?? false;
  });
}
