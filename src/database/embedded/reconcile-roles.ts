import type { ClientBase } from "pg";
import type { Passwords } from "./passwords.ts";
import { embeddedDatabaseName, loginRoles } from "./places.ts";
import { scramVerifier, scramVerifierMatches } from "./scram.ts";

/** What each role that logs in may do at the level of the cluster. What it may do inside the database is the migrations' business. */
const attributes = "login nosuperuser nocreatedb nocreaterole noreplication";

/**
 * Makes the cluster what the passfiles say: the roles are there, may log in and have those passwords, and the database exists. As the superuser, in
 * any database. Calling twice is safe; a home whose roles or passwords were changed or lost is repaired by it.
 */
export async function reconcileRoles(superuser: ClientBase, passwords: Passwords): Promise<void> {
  const { rows } = await superuser.query<{ rolname: string; rolpassword: string | null; fits: boolean }>(
    `select rolname, rolpassword,
            rolname = 'postgres' or (rolcanlogin and not rolsuper and not rolcreatedb and not rolcreaterole and not rolreplication) as fits
       from pg_catalog.pg_authid where rolname = any ($1)`,
    [loginRoles],
  );
  for (const role of loginRoles) {
    const found = rows.find((row) => row.rolname === role);
    const knows = scramVerifierMatches(found?.rolpassword ?? "", passwords[role]);
    if (found?.fits === true && knows) continue;
    const verb = found === undefined ? "create" : "alter";
    // The verifier, so that no password reaches the server's log; its alphabet needs no quoting.
    const verifier = scramVerifier(passwords[role]);
    await superuser.query(`${verb} role ${role} ${role === "postgres" ? "" : attributes} password '${verifier}'`);
  }
  const database = await superuser.query("select from pg_catalog.pg_database where datname = $1", [
    embeddedDatabaseName,
  ]);
  if (database.rowCount === 0)
    await superuser.query(`create database ${embeddedDatabaseName} template template0 encoding 'UTF8'`);
}
