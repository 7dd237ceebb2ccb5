import type { Pool } from "pg";
import { type EventType, eventTypes, type Severity, severities } from "../contract/event.ts";
import { type Event, eventOfRow, type EventRow } from "./events.ts";
import { cursorParts, decodeCursor, encodeCursor } from "./keyset.ts";
import { callProcedure } from "./procedure-errors.ts";
import { SqlValues } from "./sql-values.ts";

export type EventListFilter = {
  readonly types?: readonly EventType[];
  /** This one and those worse than it. */
  readonly minimumSeverity?: Severity;
  readonly fqdn?: string;
  readonly scope?: string;
  readonly since?: Date;
  readonly until?: Date;
  /** Part of the message, whatever its case. */
  readonly text?: string;
};

export type EventPage = {
  /** Newest first. */
  readonly events: readonly Event[];
  readonly next: string | null;
  /** How far back this page has looked; null: nothing is left. */
  readonly searchedTo: Date | null;
};

const order = "events";
/**
 * How many events a page looks at, at most, for a scope or a text that no index finds: a page that costs a few hundredths of a second and may
 * hold little is better than one that reads ten million messages.
 */
const mostLookedAt = 5_000;

/** Events of the newest to the oldest: a page of those that pass the filter. */
export async function listEvents(
  pool: Pool,
  filter: EventListFilter,
  page: { readonly after?: string; readonly limit: number },
): Promise<EventPage> {
  return callProcedure("REQUEST_INVALID", async () => {
    const types = wantedTypes(filter);
    if (types !== null && types.length === 0) return { events: [], next: null, searchedTo: null };
    const sifts =
      filter.scope !== undefined || filter.text !== undefined || (filter.fqdn !== undefined && types !== null);
    const values = new SqlValues();
    const lookedAt = values.add(sifts ? mostLookedAt : page.limit + 1);
    const range = rangeOf(filter, page.after, values);
    const source = (type: number | null): string =>
      `(select * from backup_awareness.audit_log
        where ${[...range, ...(type === null ? [] : [`log_type = ${values.add(type)}`])].join(" and ") || "true"}
        order by log_time desc, id desc limit ${lookedAt})`;
    // An engine's own events are few enough to be sifted by their type; otherwise each type is a range of an index.
    const byEngine = filter.fqdn !== undefined;
    const sources = types === null || byEngine ? [source(null)] : types.map(source);
    const sieve = [
      ...(filter.scope === undefined ? [] : [`scope = ${values.add(filter.scope)}`]),
      ...(byEngine && types !== null ? [`log_type = any (${values.add(types)})`] : []),
      ...(filter.text === undefined ? [] : [`position(lower(${values.add(filter.text)}) in lower(message)) > 0`]),
    ];
    const { rows } = await pool.query<EventRow & { at: string; passes: boolean; looked_at: number }>(
      `select * from (
         select l.*, l.log_time::text as at, (${sieve.join(" and ") || "true"}) as passes,
                row_number() over (order by log_time desc, id desc)::integer as looked_at, count(*) over ()::integer as found
         from (select * from (${sources.join(" union all ")}) s order by log_time desc, id desc limit ${lookedAt}) l
       ) l where passes or looked_at = found order by log_time desc, id desc limit ${values.add(page.limit + 1)}`,
      values.list,
    );
    const passing = rows.filter(({ passes }) => passes);
    const shown = passing.slice(0, page.limit);
    const last = passing.length > shown.length ? shown.at(-1) : rows.at(-1);
    const full = sifts ? (rows.at(-1)?.looked_at ?? 0) >= mostLookedAt : false;
    const goesOn = last !== undefined && (passing.length > shown.length || full);
    return {
      events: shown.map(eventOfRow),
      next: goesOn ? encodeCursor([order, last.at, last.id]) : null,
      searchedTo: goesOn ? last.log_time : null,
    };
  });
}

/** How many rows of an export are read at once. */
const exportBatch = 2_000;

/** All events that pass the filter, oldest first, in batches; memory does not grow with their number. Each batch is a query of its own. */
export async function* exportEvents(pool: Pool, filter: EventListFilter): AsyncGenerator<readonly Event[]> {
  const types = wantedTypes(filter);
  if (types !== null && types.length === 0) return;
  let after: readonly [string, string] | null = null;
  for (;;) {
    const batch: readonly (EventRow & { at: string })[] = await readBatch(pool, filter, types, after);
    if (batch.length > 0) yield batch.map(eventOfRow);
    const last = batch.at(-1);
    if (last === undefined || batch.length < exportBatch) return;
    after = [last.at, last.id];
  }
}

async function readBatch(
  pool: Pool,
  filter: EventListFilter,
  types: readonly number[] | null,
  after: readonly [string, string] | null,
): Promise<readonly (EventRow & { at: string })[]> {
  return callProcedure("REQUEST_INVALID", async () => {
    const values = new SqlValues();
    const conditions = [
      ...rangeOf(filter, undefined, values),
      ...(after === null
        ? []
        : [`(log_time, id) > (${values.add(after[0])}::timestamptz, ${values.add(after[1])}::bigint)`]),
      ...(types === null ? [] : [`log_type = any (${values.add(types)})`]),
      ...(filter.scope === undefined ? [] : [`scope = ${values.add(filter.scope)}`]),
      ...(filter.text === undefined ? [] : [`position(lower(${values.add(filter.text)}) in lower(message)) > 0`]),
    ];
    const { rows } = await pool.query<EventRow & { at: string }>(
      `select *, log_time::text as at from backup_awareness.audit_log
       where ${conditions.join(" and ") || "true"} order by log_time, id limit ${values.add(exportBatch)}`,
      values.list,
    );
    return rows;
  });
}

/** The conditions that an index serves. */
function rangeOf(filter: EventListFilter, after: string | undefined, values: SqlValues): string[] {
  const conditions: string[] = [];
  if (filter.fqdn !== undefined) conditions.push(`fqdn = ${values.add(filter.fqdn.toLowerCase())}`);
  if (filter.since !== undefined) conditions.push(`log_time >= ${values.add(filter.since)}`);
  if (filter.until !== undefined) conditions.push(`log_time <= ${values.add(filter.until)}`);
  if (after !== undefined) {
    const [at, id] = decodeCursor(after, order, [cursorParts.time, cursorParts.number]);
    conditions.push(`(log_time, id) < (${values.add(at)}::timestamptz, ${values.add(id)}::bigint)`);
  }
  return conditions;
}

/** The codes of the types that are asked for; null: all. A severity is a set of types. */
function wantedTypes({ types, minimumSeverity }: EventListFilter): readonly number[] | null {
  if (types === undefined && (minimumSeverity === undefined || minimumSeverity === "normal")) return null;
  const least = severities[minimumSeverity ?? "normal"];
  return (Object.keys(eventTypes) as EventType[])
    .filter((type) => types?.includes(type) ?? true)
    .filter((type) => severities[eventTypes[type].severity] >= least)
    .map((type) => eventTypes[type].code);
}
