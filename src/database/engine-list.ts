import type { EngineState } from "../contract/state.ts";
import { type Cursor, cursorParts, decodeCursor, encodeCursor } from "./keyset.ts";
import { callProcedure } from "./procedure-errors.ts";
import type { Queries } from "./snapshot.ts";
import { SqlValues } from "./sql-values.ts";

export type EngineOrder = "name" | "age" | "state";

export type EngineListRequest = {
  /** Only engines in one of these states; absent: in any. */
  readonly states?: readonly EngineState[];
  /** Only engines that have reported this scope. */
  readonly scope?: string;
  /** A part of the name. */
  readonly text?: string;
  readonly order: EngineOrder;
  readonly descending: boolean;
  /** The cursor with which the page before ended. */
  readonly after?: string;
  readonly limit: number;
};

export type EnginePage = { readonly fqdns: readonly string[]; readonly next: string | null };

/** What decides states at this moment. Times are texts of PostgreSQL, to the microsecond. */
type Moment = {
  readonly is_enabled: boolean;
  readonly alert_period: string;
  readonly now: string;
  /** A default_oldest_at before this is stale. */
  readonly oldest_fresh: string;
};

type Row = { readonly fqdn: string; readonly at: string | null };

/**
 * A page of engines, by name, by the age of the full backup (none first, then the oldest), or by state: those without a full backup by
 * name, then all others by the moment at which they go stale, which has the stale ones first, the longest stale before the others. Every
 * part of an order is the range of an index, so that a page of a million engines costs what a page of a hundred does.
 */
export async function listEngines(pool: Queries, request: EngineListRequest): Promise<EnginePage> {
  return callProcedure("REQUEST_INVALID", async () => {
    const { rows: moments } = await pool.query<Moment>(
      `select p.is_enabled, p.alert_period::text as alert_period, n.now::text as now, (n.now - p.alert_period)::text as oldest_fresh
       from backup_awareness.policy() p, clock_timestamp() as n(now)`,
    );
    const moment = moments[0];
    if (moment === undefined) throw new Error("the database has no policy");
    const order = `engines:${request.descending ? "-" : ""}${request.order}`;
    const cursor =
      request.after === undefined ? null : decodeCursor(request.after, order, [cursorParts.time, cursorParts.name]);
    const rows: Row[] = [];
    for (const part of partsOf(request, moment, cursor)) {
      const wanted = request.limit + 1 - rows.length;
      if (wanted <= 0) break;
      const { text, values } = part(wanted);
      rows.push(...(await pool.query<Row>(text, values)).rows);
    }
    const shown = rows.slice(0, request.limit);
    const last = shown.at(-1);
    return {
      fqdns: shown.map(({ fqdn }) => fqdn),
      next: rows.length > shown.length && last !== undefined ? encodeCursor([order, last.at, last.fqdn]) : null,
    };
  });
}

type Statement = { readonly text: string; readonly values: unknown[] };
type Part = (limit: number) => Statement;

/** The statements that, one after the other, give the engines in their order from the cursor on. */
function partsOf(request: EngineListRequest, moment: Moment, cursor: Cursor | null): readonly Part[] {
  const wanted = wantedStates(request, moment);
  if (wanted.length === 0) return [];
  if (request.order === "name") return [(limit) => byName(request, moment, cursor, wanted, limit)];
  const timed = wanted.filter((state) => state !== "no_full_backup");
  const withoutTime: Part[] = wanted.includes("no_full_backup")
    ? [(limit) => withoutFullBackup(request, cursor, limit)]
    : [];
  const withTime: Part[] =
    timed.length === 0
      ? []
      : [
          (limit) =>
            request.order === "age"
              ? byAge(request, moment, cursor, timed, limit)
              : byStaleness(request, moment, cursor, timed, limit),
        ];
  const atTime = cursor !== null && cursor[0] !== null;
  // A cursor that stands in the second part has left the first behind.
  if (request.descending) return cursor !== null && !atTime ? withoutTime : [...withTime, ...withoutTime];
  return atTime ? withTime : [...withoutTime, ...withTime];
}

type DatedState = "no_full_backup" | "stale" | "fresh";

/** While the feature is disabled, every engine is, whatever its times. */
function wantedStates({ states }: EngineListRequest, { is_enabled }: Moment): readonly DatedState[] {
  const all = ["no_full_backup", "stale", "fresh"] as const;
  if (states === undefined) return all;
  if (!is_enabled) return states.includes("disabled") ? all : [];
  return all.filter((state) => states.includes(state));
}

function byName(
  request: EngineListRequest,
  moment: Moment,
  cursor: Cursor | null,
  wanted: readonly DatedState[],
  limit: number,
): Statement {
  const values = new SqlValues();
  const [more, direction] = request.descending ? ["<", "desc"] : [">", "asc"];
  const conditions = [
    ...filters(request, values),
    ...inStates(wanted, moment, values),
    ...(cursor === null ? [] : [`e.fqdn ${more} ${values.add(cursor[1])}`]),
  ];
  return {
    text: `select e.fqdn, null as at from backup_awareness.engine e ${joins(request)}
           where ${conditions.join(" and ") || "true"} order by e.fqdn ${direction} limit ${values.add(limit)}`,
    values: values.list,
  };
}

function withoutFullBackup(request: EngineListRequest, cursor: Cursor | null, limit: number): Statement {
  const values = new SqlValues();
  const [more, direction] = request.descending ? ["<", "desc"] : [">", "asc"];
  const conditions = [
    "e.full_backup_at is null",
    ...filters(request, values),
    ...(cursor !== null && cursor[0] === null ? [`e.fqdn ${more} ${values.add(cursor[1])}`] : []),
  ];
  return {
    text: `select e.fqdn, null as at from backup_awareness.engine e ${joins(request)}
           where ${conditions.join(" and ")} order by e.fqdn ${direction} limit ${values.add(limit)}`,
    values: values.list,
  };
}

function byAge(
  request: EngineListRequest,
  moment: Moment,
  cursor: Cursor | null,
  wanted: readonly DatedState[],
  limit: number,
): Statement {
  const values = new SqlValues();
  const [more, direction] = request.descending ? ["<", "desc"] : [">", "asc"];
  const conditions = [
    "e.full_backup_at is not null",
    ...filters(request, values),
    ...inStates(wanted, moment, values),
    ...(cursor === null || cursor[0] === null
      ? []
      : [`(e.full_backup_at, e.fqdn) ${more} (${values.add(cursor[0])}::timestamptz, ${values.add(cursor[1])})`]),
  ];
  return {
    text: `select e.fqdn, e.full_backup_at::text as at from backup_awareness.engine e ${joins(request)}
           where ${conditions.join(" and ")} order by e.full_backup_at ${direction}, e.fqdn ${direction} limit ${values.add(limit)}`,
    values: values.list,
  };
}

/**
 * An engine goes stale at the earlier of two moments: that of its scopes that follow the option, and that of those with a period of their own.
 * Each has its index; every engine belongs to the one that is the earlier for it.
 */
function byStaleness(
  request: EngineListRequest,
  moment: Moment,
  cursor: Cursor | null,
  wanted: readonly DatedState[],
  limit: number,
): Statement {
  const values = new SqlValues();
  const [more, direction] = request.descending ? ["<", "desc"] : [">", "asc"];
  const period = `${values.add(moment.alert_period)}::interval`;
  const only = wanted.length === 1 ? wanted[0] : undefined;
  const shared = filters(request, values);
  const limited = values.add(limit);
  const stream = (
    column: string,
    belongs: string,
    oldestFresh: string,
    staleAt: string,
    after: (at: string) => string,
  ) => {
    const conditions = [
      `e.${column} is not null`,
      belongs,
      ...shared,
      ...(only === undefined || !moment.is_enabled
        ? []
        : [`e.${column} ${only === "stale" ? "<" : ">="} ${values.add(oldestFresh)}::timestamptz`]),
      ...(cursor?.[0] == null
        ? []
        : [`(e.${column}, e.fqdn) ${more} (${after(values.add(cursor[0]))}, ${values.add(cursor[1])})`]),
    ];
    return `(select e.fqdn, ${staleAt} as stale_at from backup_awareness.engine e ${joins(request)}
             where ${conditions.join(" and ")} order by e.${column} ${direction}, e.fqdn ${direction} limit ${limited})`;
  };
  const byDefault = stream(
    "default_oldest_at",
    `(e.own_stale_at is null or e.default_oldest_at + ${period} <= e.own_stale_at)`,
    moment.oldest_fresh,
    `e.default_oldest_at + ${period}`,
    (at) => `${at}::timestamptz - ${period}`,
  );
  const byOwn = stream(
    "own_stale_at",
    `(e.default_oldest_at is null or e.own_stale_at < e.default_oldest_at + ${period})`,
    moment.now,
    "e.own_stale_at",
    (at) => `${at}::timestamptz`,
  );
  return {
    text: `select s.fqdn, s.stale_at::text as at from (${byDefault} union all ${byOwn}) s
           order by s.stale_at ${direction}, s.fqdn ${direction} limit ${limited}`,
    values: values.list,
  };
}

/** The same as engine_state says, as ranges that an index may serve; a test compares the two. */
function inStates(wanted: readonly DatedState[], moment: Moment, values: SqlValues): string[] {
  if (!moment.is_enabled || wanted.length === 3) return [];
  const isStale = (): string =>
    `(e.default_oldest_at < ${values.add(moment.oldest_fresh)}::timestamptz or e.own_stale_at < ${values.add(moment.now)}::timestamptz)`;
  const conditions = {
    no_full_backup: () => "e.full_backup_at is null",
    stale: () => `(e.full_backup_at is not null and ${isStale()})`,
    fresh: () => `(e.full_backup_at is not null and ${isStale()} is not true)`,
  } as const;
  return [`(${wanted.map((state) => conditions[state]()).join(" or ")})`];
}

function joins({ text }: EngineListRequest): string {
  return text === undefined ? "" : "join backup_awareness.engine_name n on n.fqdn = e.fqdn";
}

function filters({ scope, text }: EngineListRequest, values: SqlValues): string[] {
  const conditions: string[] = [];
  if (scope !== undefined)
    conditions.push(
      `exists (select from backup_awareness.engine_scope s where s.fqdn = e.fqdn and s.scope = ${values.add(scope)})`,
    );
  if (text !== undefined) {
    const lower = text.toLowerCase();
    conditions.push(
      `backup_awareness.name_parts(n.fqdn) @> ${values.add(partsOfText(lower))}::text[]`,
      `position(${values.add(lower)} in n.fqdn) > 0`,
    );
  }
  return conditions;
}

/** What a name that holds this text has among its parts (sql/procedures/engine_name_sp.sql). */
function partsOfText(text: string): string[] {
  const characters = Array.from(text);
  if (characters.length <= 3) return [text];
  return characters.slice(2).map((_, index) => characters.slice(index, index + 3).join(""));
}
