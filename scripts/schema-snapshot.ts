import type pg from "pg";

/**
 * The schema as text, the same on every PostgreSQL major: tables with their columns, constraints, indexes, triggers and
 * comments; procedures by their signature, attributes and rights (their bodies are files of their own).
 */
export async function schemaSnapshot(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ section: string; line: string }>(snapshotQuery);
  const sections = Map.groupBy(rows, ({ section }) => section);
  return [...sections]
    .map(([section, lines]) => [`## ${section}`, ...lines.map(({ line }) => line)].join("\n") + "\n")
    .join("\n");
}

const snapshotQuery = `
with relation as (
  select c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.reloptions from pg_class c
  where c.relnamespace = 'backup_awareness'::regnamespace and c.relkind in ('r', 'v', 'S', 'c')
), line as (
  select 1 as rank, 'schema' as section, 1 as part, '' as name,
         format('owner %s, rights %s', nspowner::regrole, nspacl) as line
  from pg_namespace where nspname = 'backup_awareness'
  union all
  select 2, case relkind when 'r' then 'table ' when 'c' then 'type ' when 'v' then 'view ' else 'sequence ' end || relname, 1, '',
         concat_ws(', ', format('owner %s', relowner::regrole), 'rights ' || regexp_replace(relacl::text, 'backup_awareness_owner=\\w+/backup_awareness_owner,?', ''), 'options ' || reloptions::text)
  from relation
  union all
  select 2, case relkind when 'c' then 'type ' else 'table ' end || r.relname, 2, to_char(a.attnum, '000'),
         concat_ws(' ', '  ' || quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
                   case a.attidentity when 'a' then 'generated always as identity' end,
                   'default ' || pg_get_expr(d.adbin, d.adrelid), '-- ' || col_description(r.oid, a.attnum))
  from relation r
  join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
  where r.relkind in ('r', 'c')
  union all
  select 2, 'table ' || r.relname, 3, c.conname, format('  constraint %s %s', c.conname, pg_get_constraintdef(c.oid))
  from relation r join pg_constraint c on c.conrelid = r.oid and c.contype <> 'n'
  union all
  select 2, 'table ' || r.relname, 4, i.indexrelid::regclass::text, '  ' || pg_get_indexdef(i.indexrelid)
  from relation r join pg_index i on i.indrelid = r.oid
  union all
  select 2, 'table ' || r.relname, 5, t.tgname, '  ' || pg_get_triggerdef(t.oid)
  from relation r join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
  union all
  select 2, 'table ' || r.relname, 6, '', '  -- ' || obj_description(r.oid, 'pg_class') from relation r where obj_description(r.oid, 'pg_class') is not null and r.relkind = 'r'
  union all
  select 3, 'procedures', 1, p.proname || pg_get_function_arguments(p.oid),
         concat_ws(' ', format('%s(%s)', p.proname, pg_get_function_arguments(p.oid)), 'returns', pg_get_function_result(p.oid), l.lanname,
                   case p.provolatile when 'i' then 'immutable' when 's' then 'stable' end,
                   case when p.prosecdef then 'security definer' end, array_to_string(p.proconfig, ' '), format('owner %s', p.proowner::regrole),
                   format('rights %s', p.proacl))
  from pg_proc p join pg_language l on l.oid = p.prolang
  where p.pronamespace = 'backup_awareness'::regnamespace
)
select section, line from line order by rank, section, part, name collate "C", line collate "C"`;
