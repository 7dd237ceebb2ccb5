import type { ClientBase } from "pg";
import { identifierPattern, quoteIdentifier, quoteLiteral } from "./sql-statements.ts";

/** What makes a database that is not in its tables. Statements hold the name of the new one already. */
export type DatabaseProperties = {
  /** CREATE DATABASE … */
  readonly create: string;
  /** Owner, connection limit, settings, rights: each by itself, for not every login may do all. */
  readonly statements: readonly string[];
  readonly comment: string | null;
};

/** Settings whose value is a list of names, which the catalog keeps quoted. */
const nameListSettings = [
  "search_path",
  "temp_tablespaces",
  "local_preload_libraries",
  "session_preload_libraries",
  "shared_preload_libraries",
  "unix_socket_directories",
];

type Row = {
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  readonly provider: "c" | "i" | "b";
  readonly locale: string | null;
  readonly rules: string | null;
  readonly owner: string;
  readonly tablespace: string;
  readonly connectionLimit: number;
  readonly comment: string | null;
  readonly acl:
    readonly { readonly grantee: string | null; readonly privilege: string; readonly grantable: boolean }[] | null;
  readonly settings: readonly { readonly role: string | null; readonly setting: string }[];
};

/** The properties of an existing database, to give them to another one. `client` is connected to any database of its server. */
export async function readProperties(
  client: ClientBase,
  database: string,
  newName: string,
  withPermissions: boolean,
): Promise<DatabaseProperties> {
  const { rows: version } = await client.query<{ number: number }>(
    "select pg_catalog.current_setting('server_version_num')::int as number",
  );
  const major = Math.floor((version[0]?.number ?? 0) / 10_000);
  const { rows } = await client.query<Row>(
    `select pg_catalog.pg_encoding_to_char(d.encoding) as encoding, d.datcollate as collate, d.datctype as ctype,
            ${major >= 15 ? "d.datlocprovider" : "'c'"} as provider,
            ${major >= 17 ? "d.datlocale" : major >= 15 ? "d.daticulocale" : "null"} as locale,
            ${major >= 16 ? "d.daticurules" : "null"} as rules,
            r.rolname as owner, t.spcname as tablespace, d.datconnlimit as "connectionLimit",
            pg_catalog.shobj_description(d.oid, 'pg_database') as comment,
            (select pg_catalog.json_agg(pg_catalog.json_build_object('grantee', g.rolname, 'privilege', a.privilege_type, 'grantable', a.is_grantable))
               from pg_catalog.aclexplode(d.datacl) a left join pg_catalog.pg_roles g on g.oid = a.grantee) as acl,
            coalesce((select pg_catalog.json_agg(pg_catalog.json_build_object('role', o.rolname, 'setting', c))
               from pg_catalog.pg_db_role_setting s left join pg_catalog.pg_roles o on o.oid = s.setrole, unnest(s.setconfig) c
              where s.setdatabase = d.oid), '[]') as settings
       from pg_catalog.pg_database d
       join pg_catalog.pg_roles r on r.oid = d.datdba
       join pg_catalog.pg_tablespace t on t.oid = d.dattablespace
      where d.datname = $1`,
    [database],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`the database "${database}" has just gone`);
  const name = quoteIdentifier(newName);
  const statements = row.settings.map(({ role, setting }) => settingStatement(name, role, setting));
  if (withPermissions) statements.push(...privilegeStatements(name, row));
  // Last: the limit holds for the restore as well.
  if (row.connectionLimit >= 0) statements.push(`ALTER DATABASE ${name} CONNECTION LIMIT ${row.connectionLimit}`);
  return { create: createStatement(name, row), statements, comment: row.comment };
}

function createStatement(name: string, row: Row): string {
  const parts = [
    `CREATE DATABASE ${name} WITH TEMPLATE template0`,
    `OWNER ${quoteIdentifier(row.owner)}`,
    `ENCODING ${quoteLiteral(row.encoding)}`,
    `LC_COLLATE ${quoteLiteral(row.collate)}`,
    `LC_CTYPE ${quoteLiteral(row.ctype)}`,
  ];
  if (row.provider === "i" && row.locale !== null)
    parts.push("LOCALE_PROVIDER icu", `ICU_LOCALE ${quoteLiteral(row.locale)}`);
  if (row.provider === "b" && row.locale !== null)
    parts.push("LOCALE_PROVIDER builtin", `BUILTIN_LOCALE ${quoteLiteral(row.locale)}`);
  if (row.rules !== null) parts.push(`ICU_RULES ${quoteLiteral(row.rules)}`);
  if (row.tablespace !== "pg_default") parts.push(`TABLESPACE ${quoteIdentifier(row.tablespace)}`);
  return parts.join(" ");
}

function settingStatement(name: string, role: string | null, setting: string): string {
  const at = setting.indexOf("=");
  const [key, value] = [setting.slice(0, at), setting.slice(at + 1)];
  const written =
    nameListSettings.includes(key) && value !== "" && value !== '""' ? value : quoteLiteral(value.replace(/^""$/, ""));
  const whose = role === null ? `ALTER DATABASE ${name}` : `ALTER ROLE ${quoteIdentifier(role)} IN DATABASE ${name}`;
  return `${whose} SET ${key.split(".").map(quoteIdentifier).join(".")} TO ${written}`;
}

function privilegeStatements(name: string, { acl, owner }: Row): string[] {
  if (acl === null) return [];
  const grants = acl.map(({ grantee, privilege, grantable }) => {
    const whom = grantee === null ? "PUBLIC" : quoteIdentifier(grantee);
    return `GRANT ${privilege} ON DATABASE ${name} TO ${whom}${grantable ? " WITH GRANT OPTION" : ""}`;
  });
  return [
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    `REVOKE ALL ON DATABASE ${name} FROM ${quoteIdentifier(owner)}`,
    ...grants,
  ];
}

/** The properties of the dumped database, as pg_restore writes them, for one of another name; null: the dump does not tell them. */
export function propertiesFromDump(
  statements: readonly string[],
  newName: string,
  withPermissions: boolean,
): DatabaseProperties | null {
  const identifier = `(${identifierPattern})`;
  const createPattern = new RegExp(String.raw`^CREATE DATABASE ${identifier} `, "u");
  const dumpedName = statements
    .map((statement) => createPattern.exec(statement)?.[1])
    .find((found) => found !== undefined);
  if (dumpedName === undefined) return null;
  const before = String.raw`^(?:CREATE DATABASE|ALTER DATABASE|COMMENT ON DATABASE|(?:GRANT|REVOKE) [A-Z, ]+ ON DATABASE|ALTER ROLE ${identifierPattern} IN DATABASE)`;
  const named = new RegExp(String.raw`(${before} )${dumpedName.replace(/[$"]/g, "\\$&")}(?= )`, "u");
  const renamed = statements
    .filter((statement) => named.test(statement))
    .map((statement) => statement.replace(named, (_all, head: string) => head + quoteIdentifier(newName)));
  const comment = renamed.find((statement) => statement.startsWith("COMMENT ON"));
  const create = renamed.find((statement) => statement.startsWith("CREATE DATABASE")) ?? "";
  return {
    create,
    statements: renamed
      .filter((statement) => statement !== create && statement !== comment)
      .filter((statement) => withPermissions || !/^(GRANT|REVOKE) |^ALTER DATABASE .* OWNER TO /u.test(statement))
      // Last: the limit holds for the restore as well.
      .toSorted(
        (one, other) => Number(one.includes(" CONNECTION LIMIT ")) - Number(other.includes(" CONNECTION LIMIT ")),
      ),
    comment: comment === undefined ? null : commentText(comment),
  };
}

function commentText(statement: string): string | null {
  const text = / IS (E?)'([^]*)'$/u.exec(statement);
  if (text === null) return null;
  const [, escape, quoted = ""] = text;
  const plain = quoted.replaceAll("''", "'");
  return escape === "E" ? plain.replaceAll("\\\\", "\\") : plain;
}
