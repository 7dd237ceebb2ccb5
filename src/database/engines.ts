import type { Pool } from "pg";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { EngineState, ScopeStatus } from "../contract/state.ts";
import { callProcedure } from "./procedure-errors.ts";
import type { Queries } from "./snapshot.ts";

/** A scope that a full backup of an engine must cover. */
export type RequiredScope = {
  readonly scope: string;
  /** In days of 24 hours; null: the option BackupAlertPeriodInDays. */
  readonly periodDays: number | null;
};

/** Makes an engine known that has never reported. Returns false where it was known. @throws ENGINE_INVALID */
export async function addEngine(pool: Pool, fqdn: string, actor: string): Promise<boolean> {
  return callProcedure("ENGINE_INVALID", async () => {
    const { rows } = await pool.query<{ is_new: boolean }>("select backup_awareness.add_engine($1, $2) as is_new", [
      fqdn,
      actor,
    ]);
    return rows[0]?.is_new ?? false;
  });
}

/** Forgets an engine; what was logged of it stays. @throws ENGINE_UNKNOWN */
export async function removeEngine(pool: Pool, fqdn: string, actor: string): Promise<void> {
  await callProcedure("ENGINE_INVALID", () =>
    pool.query("select backup_awareness.remove_engine($1, $2)", [fqdn, actor]),
  );
}

/** Sets what a full backup of an engine must cover; an empty list: the option BackupFullScopes. @throws ENGINE_UNKNOWN, ENGINE_INVALID */
export async function setRequiredScopes(
  pool: Pool,
  fqdn: string,
  required: readonly RequiredScope[],
  actor: string,
): Promise<void> {
  await callProcedure("ENGINE_INVALID", () =>
    pool.query("select backup_awareness.set_required_scopes($1, $2, $3, $4)", [
      fqdn,
      required.map(({ scope }) => scope),
      required.map(({ periodDays }) => periodDays),
      actor,
    ]),
  );
}

/** Says which engine a report without an FQDN is about. Returns whether that is new. @throws ENGINE_INVALID */
export async function setOwnEngine(pool: Pool, fqdn: string): Promise<boolean> {
  return callProcedure("ENGINE_INVALID", async () => {
    const { rows } = await pool.query<{ is_new: boolean }>("select backup_awareness.set_own_engine($1) as is_new", [
      fqdn,
    ]);
    return rows[0]?.is_new ?? false;
  });
}

/** An engine's state at the moment of reading, and the times from which it follows. */
export type EngineRow = {
  readonly fqdn: string;
  readonly state: EngineState;
  readonly since: Date;
  readonly fullBackupAt: Date | null;
  readonly staleAt: Date | null;
  readonly required: readonly RequiredScope[];
  /** False: what is required is the option BackupFullScopes. */
  readonly hasOwnScopes: boolean;
};

/** The states of these engines, or of all, by name. */
export async function readEngines(pool: Queries, fqdns: readonly string[] | null): Promise<readonly EngineRow[]> {
  return callProcedure("ENGINE_INVALID", async () => {
    const { rows } = await pool.query<{
      fqdn: string;
      state: EngineState;
      since: Date;
      full_backup_at: Date | null;
      stale_at: Date | null;
      required_scopes: string[];
      required_period_days: (number | null)[];
      has_own_scopes: boolean;
    }>("select * from backup_awareness.engine_status($1)", [fqdns?.map((fqdn) => fqdn.toLowerCase()) ?? null]);
    return rows.map((row) => ({
      fqdn: row.fqdn,
      state: row.state,
      since: row.since,
      fullBackupAt: row.full_backup_at,
      staleAt: row.stale_at,
      required: row.required_scopes.map((scope, i) => ({ scope, periodDays: row.required_period_days[i] ?? null })),
      hasOwnScopes: row.has_own_scopes,
    }));
  });
}

/** Since when an engine is watched. @throws ENGINE_UNKNOWN */
export async function readWatchedSince(pool: Pool, fqdn: string): Promise<Date> {
  return callProcedure("ENGINE_INVALID", async () => {
    const { rows } = await pool.query<{ added_at: Date }>(
      "select added_at from backup_awareness.engine where fqdn = $1",
      [fqdn.toLowerCase()],
    );
    const row = rows[0];
    if (row === undefined)
      throw new BackupAwarenessError("ENGINE_UNKNOWN", `there is no engine ${JSON.stringify(fqdn)}`);
    return row.added_at;
  });
}

/** What is known of each scope of these engines, or of all: engine → scope → status. */
export async function readScopes(
  pool: Pool,
  fqdns: readonly string[] | null,
): Promise<ReadonlyMap<string, ReadonlyMap<string, ScopeStatus>>> {
  return callProcedure("ENGINE_INVALID", async () => {
    const { rows } = await pool.query<{
      fqdn: string;
      scope: string;
      last_success_at: Date | null;
      last_failure_at: Date | null;
      last_failure_message: string | null;
      running_since: Date | null;
      stalled: boolean;
    }>(
      `select s.fqdn, s.scope, s.last_success_at, s.last_failure_at, f.output_message as last_failure_message, s.running_since, s.stalled
       from backup_awareness.engine_scope s
       left join lateral (
         select l.output_message from backup_awareness.engine_backup_log l
         where l.fqdn = s.fqdn and l.scope = s.scope and l.done_at = s.last_failure_done_at and not l.is_passed limit 1
       ) f on true
       where $1::varchar[] is null or s.fqdn = any ($1)
       order by s.fqdn, s.scope`,
      [fqdns?.map((fqdn) => fqdn.toLowerCase()) ?? null],
    );
    const scopes = new Map<string, Map<string, ScopeStatus>>();
    for (const row of rows) {
      const ofEngine = scopes.get(row.fqdn) ?? new Map<string, ScopeStatus>();
      ofEngine.set(row.scope, {
        last_success_at: row.last_success_at?.toISOString() ?? null,
        last_failure_at: row.last_failure_at?.toISOString() ?? null,
        last_failure_message: row.last_failure_message,
        running_since: row.running_since?.toISOString() ?? null,
        stalled: row.stalled,
      });
      scopes.set(row.fqdn, ofEngine);
    }
    return scopes;
  });
}
