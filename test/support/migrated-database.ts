import { join } from "node:path";
import pg from "pg";
import { migrate, readSchemaSource } from "../../src/database/migrate.ts";
import { createDatabase, type TestServer } from "./servers.ts";

export const sqlDirectory = join(import.meta.dirname, "../../sql");

export type MigratedDatabase = {
  /** As the superuser. */
  readonly url: string;
  drop(): Promise<void>;
};

/** A new database with our schema, of a test's own. */
export async function createMigratedDatabase(
  server: TestServer,
  { ownFqdn }: { readonly ownFqdn: string },
): Promise<MigratedDatabase> {
  const database = await createDatabase(server);
  const pool = new pg.Pool({ connectionString: database.url });
  try {
    await migrate({ pool, source: await readSchemaSource(sqlDirectory), ownFqdn, programVersion: "0.1.0" });
  } finally {
    await pool.end();
  }
  return { url: database.url, drop: () => database.drop() };
}
