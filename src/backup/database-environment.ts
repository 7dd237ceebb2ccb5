import type { Database } from "../database/database.ts";

/** How long libpq waits for a server that accepts the connection and says nothing. */
const connectTimeoutSeconds = 15;

/** What a program of PostgreSQL needs to reach a database: an argument without any secret, and an environment that may hold one. */
export type DatabaseAccess = { readonly url: string; readonly env: Readonly<Record<string, string | undefined>> };

/**
 * Our own settings (a database URL with a password may be among them) are kept from the child. For the embedded server, so are the
 * administrator's PG… variables: his PGPASSWORD would go before its passfile, his PGSSLMODE ask for what it lacks.
 */
export function databaseAccess(
  database: Pick<Database, "url" | "password" | "embedded">,
  env: Readonly<Record<string, string | undefined>>,
): DatabaseAccess {
  const kept = Object.entries(withoutOwnSettings(env)).filter(
    ([name]) => !(database.embedded && name.startsWith("PG")),
  );
  return {
    url: database.url,
    env: {
      ...Object.fromEntries(kept),
      PGCONNECT_TIMEOUT: env["PGCONNECT_TIMEOUT"] ?? String(connectTimeoutSeconds),
      PGAPPNAME: "engine-backup",
      ...(database.password === null ? {} : { PGPASSWORD: database.password }),
    },
  };
}

/** What any child process of ours may know of our environment. */
export function withoutOwnSettings(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("BACKUP_AWARENESS_")));
}
