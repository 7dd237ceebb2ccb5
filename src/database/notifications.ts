import type { Pool } from "pg";
import type { EventType, Severity } from "../contract/event.ts";
import type { MessageKind, NotificationState } from "../contract/notification.ts";
import { severityOf } from "./notification-rules.ts";
import { callProcedure } from "./procedure-errors.ts";

/** What a notification tells of. */
export type ToldEvent = {
  readonly type: EventType;
  readonly severity: Severity;
  /** null: no engine in particular. */
  readonly fqdn: string | null;
  readonly scope: string | null;
  /** The alert's number; null: it is another event. */
  readonly alertId: number | null;
  /** When the alert was raised, or the event happened. */
  readonly at: Date;
  readonly clearedAt: Date | null;
  /** What the alert says now, else what the audit log says. */
  readonly text: string;
};

/** What these notifications tell of, the earliest first, at most `limit` of them. */
export async function readToldEvents(
  pool: Pool,
  notificationIds: readonly number[],
  limit: number,
): Promise<readonly ToldEvent[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{
      type: EventType;
      severity: number;
      fqdn: string | null;
      scope: string | null;
      alert_id: string | null;
      at: Date;
      cleared_at: Date | null;
      text: string | null;
    }>(
      `select coalesce(a.type, l.log_type_name) as type, coalesce(y.severity, l.severity) as severity, n.fqdn, coalesce(a.scope, l.scope) as scope,
              a.id as alert_id, coalesce(a.raised_at, l.log_time) as at, a.cleared_at,
              coalesce(case when a.id is not null and a.cleared_at is null and n.kind <> 'cleared' then backup_awareness.alert_message(a.type, a.fqdn, a.scope) end,
                       l.message) as text
       from (select * from backup_awareness.notification where id = any ($1) order by id limit $2) n
       left join backup_awareness.alert a on a.id = n.alert_id
       left join backup_awareness.event_type y on y.name = a.type
       left join backup_awareness.audit_log l on l.id = n.event_id
       where coalesce(a.type, l.log_type_name) is not null
       order by at, n.id`,
      [notificationIds, limit],
    );
    return rows.map((row) => ({
      type: row.type,
      severity: severityOf(row.severity),
      fqdn: row.fqdn,
      scope: row.scope,
      alertId: row.alert_id === null ? null : Number(row.alert_id),
      at: row.at,
      clearedAt: row.cleared_at,
      text: row.text ?? row.type,
    }));
  });
}

/** How many of these notifications tell of each type. */
export async function countToldEvents(
  pool: Pool,
  notificationIds: readonly number[],
): Promise<ReadonlyMap<EventType, number>> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ type: EventType; count: number }>(
      `select coalesce(a.type, l.log_type_name) as type, count(*)::integer as count
       from backup_awareness.notification n
       left join backup_awareness.alert a on a.id = n.alert_id
       left join backup_awareness.audit_log l on l.id = n.event_id
       where n.id = any ($1) and coalesce(a.type, l.log_type_name) is not null
       group by 1`,
      [notificationIds],
    );
    return new Map(rows.map(({ type, count }) => [type, count]));
  });
}

/** One thing that one channel is to be told, or was. */
export type Notification = {
  readonly id: number;
  readonly channel: string;
  readonly kind: Exclude<MessageKind, "test">;
  readonly type: EventType | null;
  readonly fqdn: string | null;
  readonly alertId: number | null;
  readonly state: NotificationState;
  readonly queuedAt: Date;
  readonly dueAt: Date;
  /** The end of a maintenance window that it waits for. */
  readonly heldUntil: Date | null;
  readonly tries: number;
  readonly deliveryId: number | null;
};

export type NotificationFilter = {
  readonly channel?: string;
  readonly state?: NotificationState;
  readonly alertId?: number;
  readonly limit: number;
  readonly before?: number;
};

/** The newest notifications, newest first. */
export async function readNotifications(pool: Pool, filter: NotificationFilter): Promise<readonly Notification[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{
      id: string;
      channel: string;
      kind: Notification["kind"];
      type: EventType | null;
      fqdn: string | null;
      alert_id: string | null;
      state: NotificationState;
      queued_at: Date;
      due_at: Date;
      held_until: Date | null;
      tries: number;
      delivery_id: string | null;
    }>(
      `select n.id, c.name as channel, n.kind, coalesce(a.type, l.log_type_name) as type, n.fqdn, n.alert_id, n.state, n.queued_at, n.due_at,
              n.held_until, n.tries, n.delivery_id
       from backup_awareness.notification n
       join backup_awareness.channel c on c.id = n.channel_id
       left join backup_awareness.alert a on a.id = n.alert_id
       left join backup_awareness.audit_log l on l.id = n.event_id
       where ($1::text is null or c.name = $1) and ($2::text is null or n.state = $2) and ($3::bigint is null or n.alert_id = $3)
         and ($4::bigint is null or n.id < $4)
       order by n.id desc limit $5`,
      [filter.channel ?? null, filter.state ?? null, filter.alertId ?? null, filter.before ?? null, filter.limit],
    );
    return rows.map((row) => ({
      id: Number(row.id),
      channel: row.channel,
      kind: row.kind,
      type: row.type,
      fqdn: row.fqdn,
      alertId: row.alert_id === null ? null : Number(row.alert_id),
      state: row.state,
      queuedAt: row.queued_at,
      dueAt: row.due_at,
      heldUntil: row.held_until,
      tries: row.tries,
      deliveryId: row.delivery_id === null ? null : Number(row.delivery_id),
    }));
  });
}
