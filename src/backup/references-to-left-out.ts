import type { Pool } from "pg";
import { matchesPatterns, parseTablePattern } from "./table-pattern.ts";

const queryTimeoutMs = 60_000;

export type ExcludedTables = {
  /** pg_dump -T: neither definition nor rows. */
  readonly tables: readonly string[];
  /** pg_dump --exclude-table-data: the definition without rows. */
  readonly tableData: readonly string[];
};

/**
 * The foreign keys by which kept tables refer to tables whose rows (or all of them) are left out: where such a row exists, a restore cannot
 * make the key again. One sentence for each, by name.
 */
export async function findReferencesToLeftOut(pool: Pool, excluded: ExcludedTables): Promise<string[]> {
  const patterns = [...excluded.tables, ...excluded.tableData].map(parseTablePattern);
  if (patterns.length === 0) return [];
  const { rows } = await pool.query<{ key: string; kept: string; left_out: string }>({
    text: query,
    values: [JSON.stringify(patterns)],
    ...{ query_timeout: queryTimeoutMs },
  });
  return rows.map(
    ({ key, kept, left_out }) =>
      `the foreign key ${key} of ${kept} refers to ${left_out}, whose rows are left out: a row that refers to one of them will not restore`,
  );
}

const query = `
  with left_out as (
    select c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p')
       and ${matchesPatterns("$1")})
  select pg_catalog.format('%I', k.conname) as key,
         pg_catalog.format('%I.%I', n.nspname, c.relname) as kept,
         l.name as left_out
    from pg_catalog.pg_constraint k
    join left_out l on l.oid = k.confrelid
    join pg_catalog.pg_class c on c.oid = k.conrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where k.contype = 'f' and k.conparentid = 0 and k.conrelid not in (select oid from left_out)
   order by 2, 1`;
