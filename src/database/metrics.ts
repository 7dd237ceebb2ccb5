import type { AlertType } from "../contract/event.ts";
import { callProcedure } from "./procedure-errors.ts";
import type { Queries } from "./snapshot.ts";

export type OpenAlertCount = { readonly type: AlertType; readonly dismissed: boolean; readonly count: number };

/** How many alerts are open, of every type of which there is one. */
export async function countOpenAlerts(queries: Queries): Promise<readonly OpenAlertCount[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await queries.query<{ type: AlertType; dismissed: boolean; count: string }>(
      `select type, dismissed_at is not null as dismissed, count(*) as count
       from backup_awareness.alert where cleared_at is null group by 1, 2`,
    );
    return rows.map((row) => ({ ...row, count: Number(row.count) }));
  });
}

export type JobCount = {
  readonly task: string;
  /** Could run now, and waits or runs. */
  readonly due: number;
  /** Will be tried no more. */
  readonly failed: number;
};

/** How deep the job queue is, by kind of job. */
export async function countJobs(queries: Queries): Promise<readonly JobCount[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await queries.query<{ task: string; due: string; failed: string }>(
      `select task_identifier as task,
              count(*) filter (where run_at <= now() and attempts < max_attempts) as due,
              count(*) filter (where attempts >= max_attempts and locked_at is null) as failed
       from graphile_worker.jobs group by 1`,
    );
    return rows.map(({ task, due, failed }) => ({ task, due: Number(due), failed: Number(failed) }));
  });
}

export type ChannelCounts = {
  readonly channel: string;
  readonly kind: string;
  /** Notifications that it is still to be told, those that have to wait for a window's end or a reminder's hour not counted. */
  readonly waiting: number;
  /** Those of the last day that were given up. */
  readonly givenUp: number;
  /** Tries that failed since the last one that was accepted. */
  readonly failures: number;
  readonly acceptedAt: Date | null;
};

/** How the channels deliver. */
export async function countDeliveries(queries: Queries): Promise<readonly ChannelCounts[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await queries.query<{
      name: string;
      kind: string;
      waiting: string;
      given_up: string;
      failures: number;
      accepted_at: Date | null;
    }>(
      `with given_up as materialized (
         select channel_id, count(*) as count from backup_awareness.notification
         where queued_at > now() - interval '1 day' and state = 'failed' group by 1
       )
       select c.name, c.kind, c.failures, c.accepted_at, coalesce(g.count, 0) as given_up,
              (select count(*) from backup_awareness.notification n
               where n.channel_id = c.id and n.state in ('queued', 'sending') and n.due_at <= now()
                 and (n.held_until is null or n.held_until <= now())) as waiting
       from backup_awareness.channel c left join given_up g on g.channel_id = c.id
       where c.removed_at is null order by c.name`,
    );
    return rows.map((row) => ({
      channel: row.name,
      kind: row.kind,
      waiting: Number(row.waiting),
      givenUp: Number(row.given_up),
      failures: row.failures,
      acceptedAt: row.accepted_at,
    }));
  });
}
