/** A pg_dump pattern as PostgreSQL's regular expressions; `schema` null: any schema of the search path. */
export type TablePattern = { readonly schema: string | null; readonly name: string };

/**
 * Translates a pattern as pg_dump's -T does (psql's "Patterns"): `*` and `?` are wildcards, what is not in double quotes is folded to
 * lower case, a dot parts schema and name, and other signs of regular expressions keep their meaning outside quotes.
 */
export function parseTablePattern(pattern: string): TablePattern {
  const parts = [""];
  let isQuoted = false;
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern.charAt(at);
    if (sign === '"') {
      if (isQuoted && pattern.charAt(at + 1) === '"') {
        add('"');
        at++;
      } else isQuoted = !isQuoted;
    } else if (isQuoted) add(/[|*+?()[\]{}.^$\\]/.test(sign) ? `\\${sign}` : sign);
    else if (sign === "*") add(".*");
    else if (sign === "?") add(".");
    else if (sign === "$") add("\\$");
    else if (sign === ".") parts.push("");
    else add(/[A-Z]/.test(sign) ? sign.toLowerCase() : sign);
  }
  // A database's name may stand before the schema's.
  const schema = parts.at(-2);
  return { schema: schema === undefined ? null : anchored(schema), name: anchored(parts.at(-1) ?? "") };

  function add(text: string): void {
    parts[parts.length - 1] = (parts.at(-1) ?? "") + text;
  }
}

/** The condition under which a table (`c`, in the schema `n`) matches one of the patterns in this parameter, a JSON array of them. */
export function matchesPatterns(parameter: string): string {
  return `exists (
         select from pg_catalog.jsonb_to_recordset(${parameter}::jsonb) as p(schema text, name text)
          where c.relname ~ p.name
            and case when p.schema is null then pg_catalog.pg_table_is_visible(c.oid) else n.nspname ~ p.schema end)`;
}

function anchored(expression: string): string {
  return `^(${expression})$`;
}
