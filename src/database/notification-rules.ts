import type { Pool } from "pg";
import { type EventType, severities, type Severity } from "../contract/event.ts";
import { callProcedure } from "./procedure-errors.ts";

/** What a channel hears of. */
export type NotificationRule = {
  /** A channel's name. */
  readonly channel: string;
  /** Patterns of names, * and ? in them; empty: all engines. */
  readonly engines: readonly string[];
  /** Empty: all types. */
  readonly types: readonly EventType[];
  readonly minimumSeverity: Severity;
  /** Told again so often while an alert is open and not dismissed; null: never. */
  readonly reminderHours: number | null;
  /** Escalation: told only of alerts that are open and not dismissed after so long; null: told at once. */
  readonly afterHours: number | null;
};

export type StoredRule = NotificationRule & { readonly id: number; readonly addedAt: Date; readonly addedBy: string };

/** Adds a rule and returns its number; alerts that are open already are told at once. @throws CHANNEL_UNKNOWN, RULE_INVALID */
export async function addNotificationRule(pool: Pool, rule: NotificationRule, actor: string): Promise<number> {
  return callProcedure("RULE_INVALID", async () => {
    const { rows } = await pool.query<{ id: string }>(
      "select backup_awareness.add_notification_rule($1, $2, $3, $4, $5, $6, $7) as id",
      [
        rule.channel,
        rule.engines,
        rule.types,
        severities[rule.minimumSeverity],
        rule.reminderHours,
        rule.afterHours,
        actor,
      ],
    );
    return Number(rows[0]?.id);
  });
}

/** Removes a rule; what it has queued is still sent. @throws RULE_UNKNOWN */
export async function removeNotificationRule(pool: Pool, id: number, actor: string): Promise<void> {
  await callProcedure("RULE_INVALID", () =>
    pool.query("select backup_awareness.remove_notification_rule($1, $2)", [id, actor]),
  );
}

/** The rules, by channel and number. */
export async function readNotificationRules(pool: Pool): Promise<readonly StoredRule[]> {
  return callProcedure("RULE_INVALID", async () => {
    const { rows } = await pool.query<{
      id: string;
      channel: string;
      engines: string[];
      types: EventType[];
      minimum_severity: number;
      reminder_hours: number | null;
      after_hours: number | null;
      added_at: Date;
      added_by: string;
    }>(
      `select r.id, c.name as channel, r.engines, r.types, r.minimum_severity, r.reminder_hours, r.after_hours, r.added_at, r.added_by
       from backup_awareness.notification_rule r join backup_awareness.channel c on c.id = r.channel_id
       order by c.name, r.id`,
    );
    return rows.map((row) => ({
      id: Number(row.id),
      channel: row.channel,
      engines: row.engines,
      types: row.types,
      minimumSeverity: severityOf(row.minimum_severity),
      reminderHours: row.reminder_hours,
      afterHours: row.after_hours,
      addedAt: row.added_at,
      addedBy: row.added_by,
    }));
  });
}

/** The name of a severity's number. */
export function severityOf(number: number): Severity {
  for (const [name, value] of Object.entries(severities)) if (value === number) return name as Severity;
  throw new Error(`the database knows a severity ${number}, which this program does not`);
}
