import { randomUUID } from "node:crypto";
import pg from "pg";
import { startTestServers, type TestServer } from "./start-servers.ts";

export type { TestServer };

const leakTimeoutMs = 3_000;

/** The servers to test against, oldest major first. A test file that is run by itself starts its own: a second or two. */
export const testServers: readonly TestServer[] = await findServers();

async function findServers(): Promise<readonly TestServer[]> {
  const given = process.env["TEST_POSTGRES_SERVERS"];
  if (given !== undefined) return JSON.parse(given) as TestServer[];
  const started = await startTestServers();
  process.env["TEST_POSTGRES_SERVERS"] = JSON.stringify(started.servers);
  return started.servers;
}

/**
 * A database of its own for a test, empty or cloned from a template. `drop` fails when the test has left a connection open, after it
 * has removed the database all the same.
 */
export async function createDatabase(
  server: TestServer,
  options: { readonly template?: string; readonly name?: string } = {},
): Promise<{ readonly url: string; readonly name: string; drop(): Promise<void> }> {
  const name = options.name ?? `test_${randomUUID().replaceAll("-", "")}`;
  await onServer(server, (client) =>
    client.query(`create database "${name}" template "${options.template ?? "template0"}"`),
  );
  const url = new URL(server.superuserUrl);
  url.pathname = `/${name}`;
  return { url: url.href, name, drop: () => dropDatabase(server, name) };
}

async function dropDatabase(server: TestServer, name: string): Promise<void> {
  await onServer(server, async (client) => {
    const leaked = await leakedConnections(client, name);
    await client.query(`drop database if exists "${name}" with (force)`);
    if (leaked.length > 0) throw new Error(`a test left connections to its database open: ${leaked.join(", ")}`);
  });
}

/** Who is still connected after a while: a session that has just been closed takes a moment to be gone. */
async function leakedConnections(client: pg.Client, database: string): Promise<string[]> {
  const deadline = Date.now() + leakTimeoutMs;
  for (;;) {
    const { rows } = await client.query<{ who: string }>(
      "select format('%s: %s', application_name, left(query, 80)) as who from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
      [database],
    );
    if (rows.length === 0 || Date.now() > deadline) return rows.map(({ who }) => who);
    await client.query("select pg_sleep(0.02)");
  }
}

async function onServer<Result>(server: TestServer, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: server.superuserUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
