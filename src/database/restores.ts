import type { Pool } from "pg";
import type { EventType } from "../contract/event.ts";
import { callProcedure } from "./procedure-errors.ts";

export type RestoreEventType = Extract<EventType, `ENGINE_RESTORE_${string}`>;

export type RestoreEvent = {
  readonly type: RestoreEventType;
  readonly fqdn: string;
  readonly scope: string;
  readonly message: string;
  /** Who did it, as `alice@host via engine-backup`. */
  readonly actor: string;
};

/** Says in the audit log what became of a restore. Calling twice logs twice. */
export async function logRestoreEvent(pool: Pool, event: RestoreEvent): Promise<void> {
  const { type, fqdn, scope, message, actor } = event;
  await callProcedure("INTERNAL", () =>
    pool.query("select backup_awareness.log_restore_event($1, $2, $3, $4, $5)", [
      type,
      fqdn,
      scope,
      message.replaceAll("\0", "\u{FFFD}"),
      actor,
    ]),
  );
}

/** Withdraws what a restored copy of our own database had queued, and queues a check. Returns how many notifications were withdrawn. Calling twice is safe. */
export async function settleRestoredDatabase(pool: Pool): Promise<number> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ withdrawn: number }>(
      "select backup_awareness.settle_restored_database() as withdrawn",
    );
    return rows[0]?.withdrawn ?? 0;
  });
}
