import type { Pool } from "pg";
import type { DeliveryOutcome, MessageKind } from "../contract/notification.ts";
import { callProcedure } from "./procedure-errors.ts";

/** A try that has begun: it is written down, and its message is to be sent now. */
export type BegunDelivery = {
  readonly id: number;
  readonly kind: Exclude<MessageKind, "test">;
  readonly notificationIds: readonly number[];
  /** 1 for the first. */
  readonly try: number;
  /** The delivery that first told of these alerts; null: it is about no alert. */
  readonly incident: number | null;
};

/**
 * Begins the next try for a channel; null: there is nothing to send now, and a job is queued for what has to wait. `jobId` is the job that sends:
 * if it runs again without having ended a try, that try was interrupted.
 */
export async function beginDelivery(pool: Pool, channelId: number, jobId: number): Promise<BegunDelivery | null> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{
      delivery_id: string | null;
      kind: BegunDelivery["kind"];
      notification_ids: string[];
      try: number;
      incident: string | null;
    }>("select * from backup_awareness.begin_delivery($1, $2)", [channelId, jobId]);
    const row = rows[0];
    if (row === undefined || row.delivery_id === null) return null;
    return {
      id: Number(row.delivery_id),
      kind: row.kind,
      notificationIds: row.notification_ids.map(Number),
      try: row.try,
      incident: row.incident === null ? null : Number(row.incident),
    };
  });
}

/** Begins the try of a test message and returns its number. @throws CHANNEL_UNKNOWN */
export async function beginTestDelivery(pool: Pool, channel: string): Promise<number> {
  return callProcedure("CHANNEL_INVALID", async () => {
    const { rows } = await pool.query<{ id: string }>("select backup_awareness.begin_test_delivery($1) as id", [
      channel,
    ]);
    return Number(rows[0]?.id);
  });
}

export type DeliveryEnd = {
  readonly outcome: Exclude<DeliveryOutcome, "interrupted">;
  readonly answer: string;
  /** What is wrong though it was accepted. */
  readonly fault: string | null;
  /** How long the channel is left alone after a temporary failure. */
  readonly pauseMs: number;
};

/** Ends a try. Calling it twice does it once. */
export async function finishDelivery(pool: Pool, id: number, end: DeliveryEnd): Promise<void> {
  await callProcedure("INTERNAL", () =>
    pool.query("select backup_awareness.finish_delivery($1, $2, $3, make_interval(secs => $4), $5)", [
      id,
      end.outcome,
      end.answer,
      end.pauseMs / 1000,
      end.fault,
    ]),
  );
}

/** Has everything that waits looked at anew, in case jobs were lost. */
export async function wakeChannels(pool: Pool): Promise<void> {
  await callProcedure("INTERNAL", () => pool.query("select backup_awareness.wake_channels()"));
}

/** One try to tell one channel one message. */
export type Delivery = {
  readonly id: number;
  readonly channel: string;
  readonly kind: MessageKind;
  /** How many notifications were told together. */
  readonly notifications: number;
  readonly try: number;
  readonly begunAt: Date;
  /** null: it is under way. */
  readonly endedAt: Date | null;
  readonly outcome: DeliveryOutcome | null;
  /** What the other side answered. */
  readonly answer: string | null;
  /** The engines that it tells of: a few of them. */
  readonly engines: readonly string[];
};

export type DeliveryFilter = {
  readonly channel?: string;
  readonly outcome?: DeliveryOutcome;
  readonly limit: number;
  /** Only those with a smaller number. */
  readonly before?: number;
};

const shownEngines = 3;

/** The newest tries, newest first. */
export async function readDeliveries(pool: Pool, filter: DeliveryFilter): Promise<readonly Delivery[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{
      id: string;
      channel_name: string;
      kind: MessageKind;
      notifications: number;
      try: number;
      begun_at: Date;
      ended_at: Date | null;
      outcome: DeliveryOutcome | null;
      answer: string | null;
      engines: string[];
    }>(
      `select d.id, d.channel_name, d.kind, cardinality(d.notification_ids) as notifications, d.try, d.begun_at, d.ended_at, d.outcome, d.answer,
              array(select distinct n.fqdn from backup_awareness.notification n
                    where n.id = any (d.notification_ids[1:$5]) and n.fqdn is not null order by n.fqdn) as engines
       from backup_awareness.delivery d
       where ($1::text is null or d.channel_name = $1) and ($2::text is null or d.outcome = $2) and ($3::bigint is null or d.id < $3)
       order by d.id desc limit $4`,
      [filter.channel ?? null, filter.outcome ?? null, filter.before ?? null, filter.limit, shownEngines],
    );
    return rows.map((row) => ({
      id: Number(row.id),
      channel: row.channel_name,
      kind: row.kind,
      notifications: row.notifications,
      try: row.try,
      begunAt: row.begun_at,
      endedAt: row.ended_at,
      outcome: row.outcome,
      answer: row.answer,
      engines: row.engines,
    }));
  });
}
