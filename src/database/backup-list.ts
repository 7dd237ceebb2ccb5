import type { Pool } from "pg";
import type { BackupItem } from "../contract/api/engine-schemas.ts";
import { cursorParts, decodeCursor, encodeCursor } from "./keyset.ts";
import { callProcedure } from "./procedure-errors.ts";
import { SqlValues } from "./sql-values.ts";

export type BackupOutcome = BackupItem["outcome"];

/** One run of one scope, with all that is known of it. */
export type BackupRow = {
  readonly id: number;
  readonly scope: string;
  readonly outcome: BackupOutcome;
  readonly startedAt: Date | null;
  readonly doneAt: Date | null;
  readonly effectiveAt: Date;
  readonly receivedAt: Date;
  readonly durationMs: number | null;
  readonly sizeBytes: number | null;
  readonly archive: string | null;
  readonly tool: string | null;
  readonly runId: string | null;
  readonly logPath: string | null;
  readonly outputMessage: string | null;
};

export type BackupListRequest = {
  readonly fqdn: string;
  readonly scope?: string;
  readonly outcomes?: readonly BackupOutcome[];
  readonly after?: string;
  readonly limit: number;
};

const order = "backups";

/** The backups of an engine, newest first. */
export async function listBackups(
  pool: Pool,
  request: BackupListRequest,
): Promise<{ readonly rows: readonly BackupRow[]; readonly next: string | null }> {
  return callProcedure("REQUEST_INVALID", async () => {
    const values = new SqlValues();
    const conditions = [`b.fqdn = ${values.add(request.fqdn.toLowerCase())}`];
    if (request.scope !== undefined) conditions.push(`b.scope = ${values.add(request.scope)}`);
    if (request.outcomes !== undefined) conditions.push(`b.outcome = any (${values.add(request.outcomes)})`);
    if (request.after !== undefined) {
      const [at, id] = decodeCursor(request.after, order, [cursorParts.time, cursorParts.number]);
      conditions.push(`(b.effective_at, b.id) < (${values.add(at)}::timestamptz, ${values.add(id)}::bigint)`);
    }
    const { rows } = await pool.query<{
      id: string;
      scope: string;
      outcome: BackupOutcome;
      started_at: Date | null;
      done_at: Date | null;
      effective_at: Date;
      received_at: Date;
      duration_ms: string | null;
      size_bytes: string | null;
      archive: string | null;
      tool: string | null;
      run_id: string | null;
      log_path: string | null;
      output_message: string | null;
      cursor_at: string;
    }>(
      `select b.id, b.scope, b.outcome, b.started_at, b.done_at, b.effective_at, b.received_at, b.duration_ms, b.size_bytes,
              b.archive, b.tool, b.run_id, l.log_path, coalesce(b.output_message, l.output_message) as output_message,
              b.effective_at::text as cursor_at
       from backup_awareness.backup b
       left join lateral (
         select l.log_path, l.output_message from backup_awareness.engine_backup_log l
         where l.fqdn = b.fqdn and l.scope = b.scope and l.done_at = b.done_at and l.is_passed = (b.outcome = 'completed') limit 1
       ) l on true
       where ${conditions.join(" and ")}
       order by b.effective_at desc, b.id desc limit ${values.add(request.limit + 1)}`,
      values.list,
    );
    const shown = rows.slice(0, request.limit);
    const last = shown.at(-1);
    return {
      rows: shown.map((row) => ({
        id: Number(row.id),
        scope: row.scope,
        outcome: row.outcome,
        startedAt: row.started_at,
        doneAt: row.done_at,
        effectiveAt: row.effective_at,
        receivedAt: row.received_at,
        durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
        sizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
        archive: row.archive,
        tool: row.tool,
        runId: row.run_id,
        logPath: row.log_path,
        outputMessage: row.output_message,
      })),
      next: rows.length > shown.length && last !== undefined ? encodeCursor([order, last.cursor_at, last.id]) : null,
    };
  });
}

/** What became of one scope on one day of UTC. */
export type BackupDay = {
  readonly scope: string;
  /** 2026-11-25 */
  readonly date: string;
  readonly completed: number;
  readonly failed: number;
  /** The longest of the completed ones. */
  readonly durationMs: number | null;
  /** Of the last completed one. */
  readonly sizeBytes: number | null;
  readonly lastSuccessAt: Date | null;
};

/** The days since that moment on which a run of the engine ended, by scope and day. */
export async function readBackupDays(pool: Pool, fqdn: string, since: Date): Promise<readonly BackupDay[]> {
  return callProcedure("ENGINE_INVALID", async () => {
    const { rows } = await pool.query<{
      scope: string;
      date: string;
      completed: number;
      failed: number;
      duration_ms: string | null;
      size_bytes: string | null;
      last_success_at: Date | null;
    }>(
      `select scope, to_char(effective_at at time zone 'UTC', 'YYYY-MM-DD') as date,
              count(*) filter (where outcome = 'completed')::integer as completed,
              count(*) filter (where outcome <> 'completed')::integer as failed,
              max(duration_ms) filter (where outcome = 'completed') as duration_ms,
              (array_agg(size_bytes order by effective_at desc, id desc) filter (where outcome = 'completed'))[1] as size_bytes,
              max(effective_at) filter (where outcome = 'completed') as last_success_at
       from backup_awareness.backup
       where fqdn = $1 and effective_at >= $2 and outcome <> 'running'
       group by scope, date order by scope, date`,
      [fqdn.toLowerCase(), since],
    );
    return rows.map((row) => ({
      scope: row.scope,
      date: row.date,
      completed: row.completed,
      failed: row.failed,
      durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
      sizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
      lastSuccessAt: row.last_success_at,
    }));
  });
}

/** Of each scope of the engine: its last success before that moment. */
export async function readSuccessesBefore(
  pool: Pool,
  fqdn: string,
  scopes: readonly string[],
  before: Date,
): Promise<ReadonlyMap<string, Date>> {
  return callProcedure("ENGINE_INVALID", async () => {
    const { rows } = await pool.query<{ scope: string; at: Date | null }>(
      `select s.scope, (
         select b.effective_at from backup_awareness.backup b
         where b.fqdn = $1 and b.scope = s.scope and b.outcome = 'completed' and b.effective_at < $3
         order by b.effective_at desc limit 1) as at
       from unnest($2::varchar[]) s(scope)`,
      [fqdn.toLowerCase(), scopes, before],
    );
    return new Map(rows.flatMap(({ scope, at }) => (at === null ? [] : [[scope, at] as const])));
  });
}
