/*
 * What a schema is made of, one row for each object: its name (kind first), its structure (what every PostgreSQL writes alike), its expressions (what
 * one writes anew from a tree, and another major perhaps otherwise) and its privileges. Only what pg_dump dumps: nothing of the
 * system, nothing that belongs to an extension. The session's search_path is pg_catalog alone, so that names are written in full.
 */

export type SchemaObject = {
  readonly name: string;
  readonly structure: string | null;
  readonly expressions: string | null;
  readonly privileges: string | null;
};

const firstNormalOid = 16_384;

const isOurs = (schema: string) => `${schema}.nspname <> 'information_schema' and ${schema}.nspname !~ '^pg_'`;

const isOfNoExtension = (catalog: string, oid: string) =>
  `not exists (select from pg_depend x where x.classid = '${catalog}'::regclass and x.objid = ${oid} and x.deptype = 'e')`;

/** The owner is called so, whatever his name. What nobody changed counts like the default written out. */
const privileges = (acl: string, kind: string, owner: string) => `(
    select string_agg(concat_ws(' ', case when a.grantee = ${owner} then 'owner' when a.grantee = 0 then 'public' else quote_ident(r.rolname) end,
                                a.privilege_type, a.is_grantable), ',' order by a.grantee = ${owner}, r.rolname collate "C", a.privilege_type)
      from aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner}))) a left join pg_roles r on r.oid = a.grantee)`;

/** Where a child has other columns than its parents, a restored one has its parents' first: there the order means nothing. */
const columns = `(
    select string_agg(
             concat_ws(' ', case when c.relispartition or not exists (select from pg_inherits h where h.inhrelid = c.oid) then a.position end,
                       quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
                       nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''),
                       case when a.attcollation <> t.typcollation then a.attcollation::regcollation end),
             ', ' order by a.attname collate "C")
      from (select b.*, row_number() over (order by b.attnum) as position
              from pg_attribute b where b.attrelid = c.oid and b.attnum > 0 and not b.attisdropped) a
      join pg_type t on t.oid = a.atttypid)`;

const columnDefaults = `(
    select string_agg(quote_ident(a.attname) || ' ' || pg_get_expr(d.adbin, d.adrelid), ', ' order by a.attname collate "C")
      from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where d.adrelid = c.oid)`;

const columnPrivileges = `(
    select string_agg(concat_ws(' ', quote_ident(a.attname), coalesce(quote_ident(r.rolname), 'public'), p.privilege_type, p.is_grantable), ','
                      order by a.attname collate "C", r.rolname collate "C", p.privilege_type)
      from pg_attribute a cross join aclexplode(a.attacl) p left join pg_roles r on r.oid = p.grantee
     where a.attrelid = c.oid and a.attacl is not null and not a.attisdropped)`;

const owningColumn = (wanted: string) => `(
    select ${wanted} from pg_depend o join pg_attribute a on a.attrelid = o.refobjid and a.attnum = o.refobjsubid
     where o.classid = 'pg_class'::regclass and o.objid = c.oid and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i'))`;

/** The queries, for a server of this major and without these tables (pg_dump's -T). */
export function schemaObjectQueries(serverMajor: number, leftOutOids: readonly number[]): string[] {
  const leftOut = `'{${leftOutOids.join(",")}}'::oid[]`;
  const isTableKept = `${isOurs("n")} and c.oid <> all (${leftOut}) and ${isOfNoExtension("pg_class", "c.oid")}`;
  const sqlBody = serverMajor >= 14 ? "pg_get_function_sqlbody(p.oid)" : "null";
  const ofTable = `join pg_class c on c.oid = o.table_oid join pg_namespace n on n.oid = c.relnamespace where ${isTableKept}`;
  const tableName = "format('%I.%I', n.nspname, c.relname)";
  return [
    `select 'extension ' || quote_ident(e.extname) as name, quote_ident(n.nspname) as structure, null as expressions, null as privileges
       from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname <> 'plpgsql'`,

    // Every new database has a schema public, whether the dumped one had it or not.
    `select 'schema ' || quote_ident(n.nspname) as name, null as structure, null as expressions, ${privileges("n.nspacl", "n", "n.nspowner")} as privileges
       from pg_namespace n where ${isOurs("n")} and n.nspname <> 'public' and ${isOfNoExtension("pg_namespace", "n.oid")}`,

    `select 'type ' || format('%I.%I', n.nspname, t.typname) as name,
            concat_ws(' ', t.typtype, case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end, t.typnotnull,
              (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
              (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ',' order by a.attnum)
                 from pg_attribute a where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped),
              (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid)) as structure,
            concat_ws(' ', case when t.typtype = 'd' then t.typdefault end,
              (select string_agg(quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), ',' order by k.conname collate "C")
                 from pg_constraint k where k.contypid = t.oid and k.contype = 'c')) as expressions,
            ${privileges("t.typacl", "T", "t.typowner")} as privileges
       from pg_type t join pg_namespace n on n.oid = t.typnamespace
      where ${isOurs("n")} and t.typtype in ('b', 'c', 'd', 'e', 'r') and t.typisdefined and ${isOfNoExtension("pg_type", "t.oid")}
        and (t.typrelid = 0 or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
        and not exists (select from pg_type e where e.typarray = t.oid)`,

    `select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end || ' ' || ${tableName} as name,
            concat_ws(' ', c.relkind, c.relpersistence, c.relreplident, c.relrowsecurity, c.relforcerowsecurity,
              case when c.reloftype <> 0 then format_type(c.reloftype, null) end,
              (select string_agg(o, ',' order by o collate "C") from unnest(c.reloptions) o),
              (select string_agg(h.inhparent::regclass::text, ',' order by h.inhseqno) from pg_inherits h where h.inhrelid = c.oid),
              (select quote_ident(s.srvname) || array_to_string(f.ftoptions, ',') from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver
                where f.ftrelid = c.oid),
              ${columns}) as structure,
            concat_ws(' ', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end, case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end,
              pg_get_expr(c.relpartbound, c.oid), ${columnDefaults}) as expressions,
            concat_ws(';', ${privileges("c.relacl", "r", "c.relowner")}, ${columnPrivileges}) as privileges
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f') and ${isTableKept}`,

    // A sequence is dumped without its owner where that is left out, unless it is the column's identity.
    `select 'sequence ' || ${tableName} as name,
            concat_ws(' ', c.relpersistence, format_type(s.seqtypid, null), s.seqstart, s.seqmin, s.seqmax, s.seqincrement, s.seqcache, s.seqcycle,
              ${owningColumn(`case when o.refobjid <> all (${leftOut}) then o.refobjid::regclass || '.' || quote_ident(a.attname) end`)}) as structure,
            null as expressions, ${privileges("c.relacl", "s", "c.relowner")} as privileges
       from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
      where ${isTableKept} and ${owningColumn(`o.deptype = 'i' and o.refobjid = any (${leftOut})`)} is not true`,

    // A not-null constraint is a column's property here: older majors know it as nothing else. Those of partitions follow from their parent's.
    `select 'constraint ' || quote_ident(o.conname) || ' on ' || ${tableName} as name,
            concat_ws(' ', o.contype, o.condeferrable, o.condeferred, o.convalidated) as structure, o.definition as expressions, null as privileges
       from (select k.*, k.conrelid as table_oid, pg_get_constraintdef(k.oid) as definition
               from pg_constraint k where k.contype in ('c', 'f', 'p', 'u', 'x') and k.conparentid = 0) o ${ofTable}`,

    // One that could not be built is not dumped.
    `select 'index ' || quote_ident(o.index_name) || ' on ' || ${tableName} as name,
            concat_ws(' ', o.indisunique, o.indisprimary, o.indisreplident) as structure, o.definition as expressions, null as privileges
       from (select i.*, i.indrelid as table_oid, d.relname as index_name, pg_get_indexdef(i.indexrelid) as definition
               from pg_index i join pg_class d on d.oid = i.indexrelid where (i.indisvalid or d.relkind = 'I') and i.indisready) o ${ofTable}`,

    `select 'trigger ' || quote_ident(o.tgname) || ' on ' || ${tableName} as name, o.tgenabled::text as structure, o.definition as expressions, null as privileges
       from (select g.*, g.tgrelid as table_oid, pg_get_triggerdef(g.oid) as definition from pg_trigger g where not g.tgisinternal and g.tgparentid = 0) o ${ofTable}`,

    `select 'rule ' || quote_ident(o.rulename) || ' on ' || ${tableName} as name, o.ev_enabled::text as structure, o.definition as expressions, null as privileges
       from (select w.*, w.ev_class as table_oid, pg_get_ruledef(w.oid) as definition from pg_rewrite w where w.rulename <> '_RETURN') o ${ofTable}`,

    `select 'policy ' || quote_ident(o.polname) || ' on ' || ${tableName} as name,
            concat_ws(' ', o.polcmd, o.polpermissive, case when 0 = any (o.polroles) then 'public' end,
              (select string_agg(quote_ident(r.rolname), ',' order by r.rolname collate "C") from pg_roles r where r.oid = any (o.polroles))) as structure,
            concat_ws(' check ', pg_get_expr(o.polqual, o.polrelid), pg_get_expr(o.polwithcheck, o.polrelid)) as expressions, null as privileges
       from (select p.*, p.polrelid as table_oid from pg_policy p) o ${ofTable}`,

    `select 'function ' || format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name,
            concat_ws(' ', p.prokind, l.lanname, pg_get_function_result(p.oid), p.provolatile, p.proisstrict, p.prosecdef, p.proleakproof, p.proparallel,
              array_to_string(p.proconfig, ','), p.prosrc, p.probin,
              (select concat_ws(' ', a.aggkind, a.aggtransfn, a.aggfinalfn, format_type(a.aggtranstype, null), a.agginitval) from pg_aggregate a where a.aggfnoid = p.oid)
            ) as structure,
            concat_ws(' ', pg_get_function_arguments(p.oid), ${sqlBody}) as expressions,
            ${privileges("p.proacl", "f", "p.proowner")} as privileges
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
      where ${isOurs("n")} and ${isOfNoExtension("pg_proc", "p.oid")}
        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')`,

    // Of what is left, that it is there.
    `select i.type || ' ' || i.identity as name, null as structure, null as expressions, null as privileges
       from (${furtherCatalogs.map((catalog) => `select '${catalog}'::regclass as catalog, oid from ${catalog}`).join(" union all ")}
             union all select 'pg_statistic_ext'::regclass, oid from pg_statistic_ext where stxrelid <> all (${leftOut})) o
      cross join pg_identify_object(o.catalog, o.oid, 0) i
      where o.oid >= ${firstNormalOid} and i.identity is not null
        and not exists (select from pg_depend x where x.classid = o.catalog and x.objid = o.oid and x.deptype = 'e')`,
  ];
}

const furtherCatalogs = [
  "pg_am",
  "pg_cast",
  "pg_collation",
  "pg_conversion",
  "pg_event_trigger",
  "pg_foreign_data_wrapper",
  "pg_foreign_server",
  "pg_language",
  "pg_opclass",
  "pg_operator",
  "pg_opfamily",
  "pg_publication",
  "pg_transform",
  "pg_ts_config",
  "pg_ts_dict",
  "pg_ts_parser",
  "pg_ts_template",
] as const;
