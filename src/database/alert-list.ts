import type { Pool } from "pg";
import type { AlertType } from "../contract/event.ts";
import type { Alert } from "./alerts.ts";
import { cursorParts, decodeCursor, encodeCursor } from "./keyset.ts";
import { callProcedure } from "./procedure-errors.ts";
import { SqlValues } from "./sql-values.ts";

export type OpenAlert = Pick<Alert, "id" | "fqdn" | "scope" | "type" | "raisedAt" | "dismissedAt">;

/** What is open of these engines, oldest first, without the texts. */
export async function readOpenAlerts(pool: Pool, fqdns: readonly string[]): Promise<readonly OpenAlert[]> {
  return callProcedure("ALERT_UNKNOWN", async () => {
    const { rows } = await pool.query<{
      id: string;
      fqdn: string;
      scope: string | null;
      type: AlertType;
      raised_at: Date;
      dismissed_at: Date | null;
    }>(
      `select id, fqdn, scope, type, raised_at, dismissed_at from backup_awareness.alert
       where fqdn = any ($1) and cleared_at is null order by raised_at, id`,
      [fqdns],
    );
    return rows.map((row) => ({
      id: Number(row.id),
      fqdn: row.fqdn,
      scope: row.scope,
      type: row.type,
      raisedAt: row.raised_at,
      dismissedAt: row.dismissed_at,
    }));
  });
}

export type AlertListRequest = {
  readonly dismissed?: boolean;
  readonly types?: readonly AlertType[];
  readonly fqdn?: string;
  readonly after?: string;
  readonly limit: number;
};

const order = "alerts";

/** The numbers of a page of open alerts, oldest first. */
export async function listAlerts(
  pool: Pool,
  request: AlertListRequest,
): Promise<{ readonly ids: readonly number[]; readonly next: string | null }> {
  return callProcedure("REQUEST_INVALID", async () => {
    const values = new SqlValues();
    const conditions = ["cleared_at is null"];
    if (request.dismissed !== undefined)
      conditions.push(request.dismissed ? "dismissed_at is not null" : "dismissed_at is null");
    if (request.types !== undefined) conditions.push(`type = any (${values.add(request.types)})`);
    if (request.fqdn !== undefined) conditions.push(`fqdn = ${values.add(request.fqdn.toLowerCase())}`);
    if (request.after !== undefined) {
      const [at, id] = decodeCursor(request.after, order, [cursorParts.time, cursorParts.number]);
      conditions.push(`(raised_at, id) > (${values.add(at)}::timestamptz, ${values.add(id)}::bigint)`);
    }
    const { rows } = await pool.query<{ id: string; raised_at: string }>(
      `select id, raised_at::text as raised_at from backup_awareness.alert
       where ${conditions.join(" and ")} order by alert.raised_at, id limit ${values.add(request.limit + 1)}`,
      values.list,
    );
    const shown = rows.slice(0, request.limit);
    const last = shown.at(-1);
    return {
      ids: shown.map(({ id }) => Number(id)),
      next: rows.length > shown.length && last !== undefined ? encodeCursor([order, last.raised_at, last.id]) : null,
    };
  });
}

/** More than so many nobody reads; they are not counted. */
const mostCounted = 1_000;

export type CappedCount = { readonly count: number; readonly isCapped: boolean };

/** How many alerts are open, and how many of those are dismissed. */
export async function countAlerts(
  pool: Pool,
): Promise<{ readonly open: CappedCount; readonly dismissed: CappedCount }> {
  return callProcedure("INTERNAL", async () => {
    const count = (condition: string): string =>
      `(select count(*)::integer from (select from backup_awareness.alert where cleared_at is null and ${condition} limit $1) a)`;
    const { rows } = await pool.query<{ open: number; dismissed: number }>(
      `select ${count("dismissed_at is null")} as open, ${count("dismissed_at is not null")} as dismissed`,
      [mostCounted + 1],
    );
    const capped = (found = 0): CappedCount => ({ count: Math.min(found, mostCounted), isCapped: found > mostCounted });
    return { open: capped(rows[0]?.open), dismissed: capped(rows[0]?.dismissed) };
  });
}
