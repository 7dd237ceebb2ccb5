import type { Pool } from "pg";
import { callProcedure } from "./procedure-errors.ts";

/** What there is to know of the server and the database that we use. Sizes are in bytes. */
export type DatabaseStatus = {
  /** As PostgreSQL tells it: `15.18 (Debian …)`. */
  readonly serverVersion: string;
  readonly database: string;
  /** Who logged in. */
  readonly login: string;
  /** Whose rights the session uses. */
  readonly role: string;
  /** Whether this login may leave out the schema in `select LogEngineBackupEvent(…)`. */
  readonly resolvesUnqualified: boolean;
  /** This login's search_path. */
  readonly searchPath: string;
  /** Roles whose own search_path setting hides the schema from them. */
  readonly hiddenFromRoles: readonly string[];
  readonly sizeBytes: { readonly database: number; readonly backupAwareness: number; readonly jobQueue: number };
};

/** Reads it; works on a database that was never migrated, too. */
export async function readDatabaseStatus(pool: Pool): Promise<DatabaseStatus> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{
      server_version: string;
      database: string;
      login: string;
      role: string;
      resolves: boolean;
      search_path: string;
      hidden_from: string[];
      database_bytes: string;
      own_bytes: string;
      queue_bytes: string;
    }>(
      `select current_setting('server_version') as server_version, current_database() as database, session_user as login, current_user as role,
              exists (select from pg_catalog.pg_proc p
                      where p.oid = to_regprocedure('LogEngineBackupEvent(varchar, timestamptz, int, text, varchar, text)')
                        and p.pronamespace = to_regnamespace('backup_awareness')) as resolves,
              current_setting('search_path') as search_path,
              array(select distinct coalesce(r.rolname, 'every role')::text
                    from pg_catalog.pg_db_role_setting s
                    left join pg_catalog.pg_roles r on r.oid = s.setrole
                    cross join unnest(s.setconfig) c
                    where s.setrole <> 0 and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
                      and c like 'search_path=%' and c !~ '[= ,"]backup_awareness($|[ ,"])'
                    order by 1) as hidden_from,
              pg_database_size(current_database()) as database_bytes,
              coalesce(sum(pg_total_relation_size(t.oid)) filter (where t.relnamespace = to_regnamespace('backup_awareness')), 0) as own_bytes,
              coalesce(sum(pg_total_relation_size(t.oid)) filter (where t.relnamespace = to_regnamespace('graphile_worker')), 0) as queue_bytes
       from (select 1) one
       left join pg_catalog.pg_class t
         on t.relkind = 'r' and t.relnamespace in (to_regnamespace('backup_awareness'), to_regnamespace('graphile_worker'))`,
    );
    const row = rows[0];
    if (!row) throw new Error("the database tells nothing of itself");
    return {
      serverVersion: row.server_version,
      database: row.database,
      login: row.login,
      role: row.role,
      resolvesUnqualified: row.resolves,
      searchPath: row.search_path,
      hiddenFromRoles: row.hidden_from,
      sizeBytes: {
        database: Number(row.database_bytes),
        backupAwareness: Number(row.own_bytes),
        jobQueue: Number(row.queue_bytes),
      },
    };
  });
}
