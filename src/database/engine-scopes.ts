import { callProcedure } from "./procedure-errors.ts";
import type { Queries } from "./snapshot.ts";

/** What is known of one scope of one engine, with the last success's figures. Times are effective. */
export type ScopeRow = {
  readonly fqdn: string;
  readonly scope: string;
  readonly lastSuccessAt: Date | null;
  readonly lastFailureAt: Date | null;
  readonly lastFailureMessage: string | null;
  readonly lastDurationMs: number | null;
  readonly lastSizeBytes: number | null;
  readonly lastArchive: string | null;
  readonly runningSince: Date | null;
  readonly stalled: boolean;
};

/** How much of a failure's message a list shows. */
const longestMessage = 2_000;

/** The scopes that these engines have reported, by name. */
export async function readScopeRows(pool: Queries, fqdns: readonly string[]): Promise<readonly ScopeRow[]> {
  return callProcedure("ENGINE_INVALID", async () => {
    const { rows } = await pool.query<{
      fqdn: string;
      scope: string;
      last_success_at: Date | null;
      last_failure_at: Date | null;
      last_failure_message: string | null;
      duration_ms: string | null;
      size_bytes: string | null;
      archive: string | null;
      running_since: Date | null;
      stalled: boolean;
    }>(
      `select s.fqdn, s.scope, s.last_success_at, s.last_failure_at, left(f.output_message, $2) as last_failure_message,
              b.duration_ms, b.size_bytes, b.archive, s.running_since, s.stalled
       from backup_awareness.engine_scope s
       left join backup_awareness.backup b
         on b.fqdn = s.fqdn and b.scope = s.scope and b.done_at = s.last_success_done_at and b.outcome = 'completed'
       left join lateral (
         select l.output_message from backup_awareness.engine_backup_log l
         where l.fqdn = s.fqdn and l.scope = s.scope and l.done_at = s.last_failure_done_at and not l.is_passed limit 1
       ) f on true
       where s.fqdn = any ($1)
       order by s.fqdn, s.scope`,
      [fqdns, longestMessage],
    );
    return rows.map((row) => ({
      fqdn: row.fqdn,
      scope: row.scope,
      lastSuccessAt: row.last_success_at,
      lastFailureAt: row.last_failure_at,
      lastFailureMessage: row.last_failure_message,
      lastDurationMs: row.duration_ms === null ? null : Number(row.duration_ms),
      lastSizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
      lastArchive: row.archive,
      runningSince: row.running_since,
      stalled: row.stalled,
    }));
  });
}
