import { callProcedure } from "./procedure-errors.ts";
import type { Queries } from "./snapshot.ts";

/** At most `limit` engines whose full backups are the oldest, whatever their periods are. */
export async function readOldestEngines(pool: Queries, limit: number): Promise<readonly string[]> {
  return readNames(
    pool,
    "select fqdn from backup_awareness.engine where full_backup_at is not null order by full_backup_at, fqdn limit $1",
    limit,
  );
}

/** At most `limit` engines of which a backup began and has not ended in time. */
export async function readStalledEngines(pool: Queries, limit: number): Promise<readonly string[]> {
  return readNames(
    pool,
    "select distinct fqdn from backup_awareness.engine_scope where stalled order by fqdn limit $1",
    limit,
  );
}

async function readNames(pool: Queries, statement: string, limit: number): Promise<readonly string[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ fqdn: string }>(statement, [limit]);
    return rows.map(({ fqdn }) => fqdn);
  });
}
