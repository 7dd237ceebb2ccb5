/** An identifier as PostgreSQL's programs write it. */
export const identifierPattern = String.raw`(?:"(?:[^"]|"")*"|[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*)`;

/** The name that an identifier stands for. */
export function unquoteIdentifier(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

/** What a semicolon may stand in without ending a statement; psql's own commands and comments are passed over. */
const token = new RegExp(
  [
    String.raw`(?<skipped>--[^\n]*|\/\*[^]*?\*\/|^\\[^\n]*)`,
    String.raw`E'(?:[^'\\]|\\[^]|'')*'`,
    String.raw`'(?:[^']|'')*'`,
    String.raw`"(?:[^"]|"")*"`,
    String.raw`(?<tag>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)[^]*?\k<tag>`,
    String.raw`(?<end>;)`,
    String.raw`[\w$\u0080-\uffff]+`,
    String.raw`[^]`,
  ].join("|"),
  "gmu",
);

/** The statements of a script as PostgreSQL's programs write them, without comments, blanks around them, semicolon and psql's own commands. */
export function splitStatements(script: string): string[] {
  const statements: string[] = [];
  let statement = "";
  for (const { 0: text, groups } of script.matchAll(token)) {
    if (groups?.["end"] !== undefined) {
      if (statement.trim() !== "") statements.push(statement.trim());
      statement = "";
    } else if (groups?.["skipped"] === undefined) statement += text;
  }
  if (statement.trim() !== "") statements.push(statement.trim());
  return statements;
}

const one = `(${identifierPattern})`;
const ownerPatterns = [
  new RegExp(String.raw`^ALTER [^]* OWNER TO ${one}$`, "u"),
  new RegExp(String.raw`^CREATE SCHEMA [^]* AUTHORIZATION ${one}$`, "u"),
  new RegExp(String.raw`^ALTER DEFAULT PRIVILEGES FOR ROLE ${one}`, "u"),
];
const rightsPatterns = [
  new RegExp(String.raw`^(?:GRANT|REVOKE) [^]* (?:TO|FROM) ${one}(?: WITH GRANT OPTION)?$`, "u"),
  new RegExp(String.raw`^ALTER DEFAULT PRIVILEGES [^]* (?:TO|FROM) ${one}(?: WITH GRANT OPTION)?$`, "u"),
  new RegExp(String.raw`^ALTER ROLE ${one} IN DATABASE `, "u"),
];
const policyPattern = new RegExp(
  String.raw`^CREATE POLICY [^]*? TO (${identifierPattern}(?:, ${identifierPattern})*)(?: USING | WITH CHECK |$)`,
  "u",
);

/** The roles whom these statements make owners; whoever restores must be able to act as them. */
export function ownersNamedBy(statements: readonly string[]): ReadonlySet<string> {
  return namesFoundBy(ownerPatterns, statements);
}

/** The roles whom these statements name: owners, and whom rights are given to or taken from. PUBLIC is none. */
export function rolesNamedBy(statements: readonly string[]): ReadonlySet<string> {
  const roles = new Set(namesFoundBy([...ownerPatterns, ...rightsPatterns], statements));
  for (const statement of statements) {
    const list = policyPattern.exec(statement)?.[1] ?? "";
    for (const found of list.match(new RegExp(identifierPattern, "gu")) ?? []) roles.add(unquoteIdentifier(found));
  }
  return roles;
}

function namesFoundBy(patterns: readonly RegExp[], statements: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of statements) {
    for (const pattern of patterns) {
      const found = pattern.exec(statement)?.[1];
      if (found !== undefined) names.add(unquoteIdentifier(found));
    }
  }
  return names;
}
