import type { Pool } from "pg";
import { type EventType, eventTypes, severities, type Severity } from "../contract/event.ts";
import { callProcedure } from "./procedure-errors.ts";

/** A line of the audit log. */
export type Event = {
  readonly id: number;
  readonly logTime: Date;
  readonly type: EventType;
  readonly code: number;
  readonly severity: Severity;
  readonly fqdn: string | null;
  readonly scope: string | null;
  readonly message: string;
  readonly actor: string | null;
  /** The alert that it raised, cleared or dismissed. */
  readonly alertId: number | null;
};

export type EventFilter = {
  readonly types?: readonly EventType[];
  /** This one and those worse than it. */
  readonly minimumSeverity?: Severity;
  readonly fqdn?: string;
  readonly scope?: string;
  readonly since?: Date;
  readonly until?: Date;
  /** Part of the message, whatever its case. */
  readonly text?: string;
  /** Only events with a larger number than this. */
  readonly afterId?: number;
  /** Only events with these numbers. */
  readonly ids?: readonly number[];
};

/**
 * The newest events that pass the filter, at most `limit`, in the order in which they were logged.
 */
export async function readEvents(pool: Pool, filter: EventFilter, limit: number): Promise<readonly Event[]> {
  return callProcedure("USAGE", async () => {
    const { rows } = await pool.query<EventRow>(
      `select id, log_time, log_type, log_type_name, severity, message, fqdn, scope, actor, alert_id
       from backup_awareness.audit_log
       where ($1::integer[] is null or log_type = any ($1))
         and ($2::integer is null or severity >= $2)
         and ($3::varchar is null or fqdn = $3)
         and ($4::varchar is null or scope = $4)
         and ($5::timestamptz is null or log_time >= $5)
         and ($6::timestamptz is null or log_time <= $6)
         and ($7::text is null or position(lower($7) in lower(message)) > 0)
         and ($8::bigint is null or id > $8)
         and ($9::bigint[] is null or id = any ($9))
       order by id desc limit $10`,
      [
        filter.types?.map((type) => eventTypes[type].code) ?? null,
        filter.minimumSeverity === undefined ? null : severities[filter.minimumSeverity],
        filter.fqdn?.toLowerCase() ?? null,
        filter.scope ?? null,
        filter.since ?? null,
        filter.until ?? null,
        filter.text ?? null,
        filter.afterId ?? null,
        filter.ids ?? null,
        limit,
      ],
    );
    return rows.reverse().map(eventOfRow);
  });
}

/** A row of audit_log, as pg gives it. */
export type EventRow = {
  readonly id: string;
  readonly log_time: Date;
  readonly log_type: number;
  readonly log_type_name: EventType;
  readonly severity: number;
  readonly message: string;
  readonly fqdn: string | null;
  readonly scope: string | null;
  readonly actor: string | null;
  readonly alert_id: string | null;
};

export function eventOfRow(row: EventRow): Event {
  return {
    id: Number(row.id),
    logTime: row.log_time,
    type: row.log_type_name,
    code: row.log_type,
    severity: severityOf(row.severity),
    fqdn: row.fqdn,
    scope: row.scope,
    message: row.message,
    actor: row.actor,
    alertId: row.alert_id === null ? null : Number(row.alert_id),
  };
}

function severityOf(number: number): Severity {
  const found = (Object.keys(severities) as Severity[]).find((name) => severities[name] === number);
  if (!found) throw new Error(`audit_log holds the unknown severity ${number}`);
  return found;
}
