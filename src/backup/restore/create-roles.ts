import type { ClientBase } from "pg";
import { scramVerifier } from "../../database/embedded/scram.ts";
import { identifierPattern, quoteIdentifier, splitStatements, unquoteIdentifier } from "./sql-statements.ts";

const roleStatement = new RegExp(String.raw`^(CREATE|ALTER) ROLE (${identifierPattern})(?: |$)`, "u");
const membership = new RegExp(String.raw`^GRANT (${identifierPattern}) TO (${identifierPattern})(?: |$)`, "u");

/** The roles that an archive's globals.sql can make. */
export function rolesOf(globals: string): ReadonlySet<string> {
  return new Set(splitStatements(globals).flatMap((statement) => createdBy(statement) ?? []));
}

/**
 * Makes these roles as globals.sql describes them, without passwords, and their memberships. One that is there already stays as it is. Throws what the server says.
 */
export async function createRoles(client: ClientBase, globals: string, roles: readonly string[]): Promise<void> {
  for (const statement of statementsFor(globals, new Set(roles))) {
    try {
      await client.query(statement);
    } catch (error) {
      const isThere = error instanceof Error && "code" in error && error.code === "42710";
      if (!isThere) throw error;
    }
  }
}

/** Makes a role that logs in. The server is given the verifier: no password reaches its log. */
export async function makeLogin(
  client: ClientBase,
  { name, password }: { readonly name: string; readonly password: string | null },
): Promise<void> {
  const verifier = password === null ? "" : ` password '${scramVerifier(password)}'`;
  await client.query(`create role ${quoteIdentifier(name)} login${verifier}`);
}

/** What of globals.sql makes these roles. A membership is made when both are there: that is known of the new ones only. */
function statementsFor(globals: string, roles: ReadonlySet<string>): string[] {
  const statements = splitStatements(globals);
  const own = statements.filter((statement) => {
    const name = roleStatement.exec(statement)?.[2];
    // Settings of a role in a database stand in the dump.
    return (
      name !== undefined && roles.has(unquoteIdentifier(name)) && !/^ALTER ROLE [^]* IN DATABASE /u.test(statement)
    );
  });
  const memberships = statements.filter((statement) => {
    const [, group, member] = membership.exec(statement) ?? [];
    return (
      group !== undefined &&
      member !== undefined &&
      roles.has(unquoteIdentifier(group)) &&
      roles.has(unquoteIdentifier(member))
    );
  });
  // Who granted it need not be there.
  return [...own, ...memberships.map((statement) => statement.replace(/ GRANTED BY [^]*$/u, ""))];
}

function createdBy(statement: string): string[] | null {
  const [, verb, name] = roleStatement.exec(statement) ?? [];
  return verb === "CREATE" && name !== undefined ? [unquoteIdentifier(name)] : null;
}
