import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { findServer } from "../support/find-server.ts";
import { startProxy } from "../support/cuttable-proxy.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { runCommand } from "../support/run-command.ts";
import { createDatabase, testServers } from "../support/servers.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The whole stop, whatever the daemon was doing. */
const stopLimitMs = 5_000;
const fqdn = "host.example.com";
const homes: string[] = [];

async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "start-"));
  homes.push(home);
  return home;
}

async function variablesOf(databaseUrl: string | null): Promise<Record<string, string>> {
  const database: Record<string, string> = databaseUrl === null ? {} : { BACKUP_AWARENESS_DATABASE_URL: databaseUrl };
  return { BACKUP_AWARENESS_HOME: await newHome(), BACKUP_AWARENESS_FQDN: fqdn, ...database };
}

after(async () => {
  for (const home of homes) await rm(home, { recursive: true, force: true });
});

describe("on the embedded database", () => {
  test("a virgin home becomes a running daemon that warns; a second one is refused; SIGTERM stops all of it in order", async () => {
    const variables = await variablesOf(null);
    const home = variables["BACKUP_AWARENESS_HOME"]!;
    const daemon = await startDaemon(variables);
    const health = await daemon.healthy();
    assert.equal(health.status, "ok");
    await daemon.logged(/no full backup of engine host\.example\.com/);
    const server = await findServer(home);
    assert.ok(server !== null, "the embedded server runs");

    const second = await runCommand("backup-awareness", ["start"], {
      ...variables,
      BACKUP_AWARENESS_LISTEN: "127.0.0.1:0",
    });
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`process ${daemon.pid}, already works on the home`));

    const end = await daemon.end("SIGTERM");
    assert.equal(end.code, 0, daemon.log().join("\n"));
    assert.ok(end.tookMs < stopLimitMs, `it took ${end.tookMs} ms`);
    assert.equal(await findServer(home), null);
  });

  test("a PostgreSQL that is killed is started again, and the daemon goes on", async () => {
    const variables = await variablesOf(null);
    const daemon = await startDaemon(variables);
    try {
      await daemon.healthy();
      process.kill((await findServer(variables["BACKUP_AWARENESS_HOME"]!))!, "SIGKILL");
      await daemon.logged(/database is back after/);
      await daemon.healthy();
    } finally {
      assert.equal((await daemon.end("SIGINT")).code, 0);
    }
  });
});

describe("on a database of the administrator's own", () => {
  let database: MigratedDatabase;
  let pool: pg.Pool;

  before(async () => {
    database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "setup.example.com" });
    pool = new pg.Pool({ connectionString: database.url, max: 2 });
  });

  after(async () => {
    await pool.end();
    await database.drop();
  });

  const checks = (daemon: TestDaemon): number => daemon.log().filter((line) => line.startsWith("check:")).length;

  test("an empty database is migrated; this host's engine becomes its own", async () => {
    const empty = await createDatabase(testServers[0]!);
    const daemon = await startDaemon(await variablesOf(empty.url));
    await daemon.healthy();
    const client = new pg.Client({ connectionString: empty.url });
    await client.connect();
    const { rows } = await client.query("select own_fqdn from backup_awareness.installation");
    await client.end();
    assert.deepEqual(rows, [{ own_fqdn: fqdn }]);
    assert.equal((await daemon.end("SIGTERM")).code, 0);
    await empty.drop();
  });

  test("waits for a database that is away, says so once, and outlives its next absence", async (t) => {
    const proxy = await startProxy(database.url, { cut: true });
    t.after(() => proxy.close());
    const daemon = await startDaemon(await variablesOf(proxy.url));
    try {
      await daemon.logged(/database is away: .*nothing listens/);
      const away = await daemon.health();
      assert.equal(away.code, 503);
      assert.match(away.reasons[0] ?? "", /nothing listens/);
      await proxy.restore();
      await daemon.healthy();

      const before = checks(daemon);
      await proxy.cut();
      await waitUntil("the daemon's health says so", async () => (await daemon.health()).code === 503);
      await waitUntil(
        "the absence is in the log",
        () => daemon.log().filter((line) => line.startsWith("database is away")).length === 2,
      );
      await proxy.restore();
      await daemon.healthy();
      await waitUntil("it checks at once when the database is back", () => checks(daemon) > before);
      const said = daemon.log().filter((line) => /database is (away|back)/.test(line));
      assert.equal(said.length, 4, said.join("\n"));
      const { rows } = await pool.query(
        "select own_fqdn, (select count(*)::int from backup_awareness.engine where fqdn = $1) as known from backup_awareness.installation",
        [fqdn],
      );
      assert.deepEqual(rows, [{ own_fqdn: "setup.example.com", known: 1 }]);
    } finally {
      const end = await daemon.end("SIGTERM");
      assert.equal(end.code, 0, daemon.log().join("\n"));
      await proxy.close();
    }
  });

  test("stops within five seconds while the database is away", async (t) => {
    const proxy = await startProxy(database.url);
    t.after(() => proxy.close());
    const daemon = await startDaemon(await variablesOf(proxy.url));
    await daemon.healthy();
    await proxy.cut();
    await daemon.logged(/database is away/);
    const end = await daemon.end("SIGTERM");
    assert.equal(end.code, 0, daemon.log().join("\n"));
    assert.ok(end.tookMs < stopLimitMs, `it took ${end.tookMs} ms`);
    await proxy.close();
  });

  test("stops within five seconds while the database takes connections and does not answer", async (t) => {
    const proxy = await startProxy(database.url);
    t.after(() => proxy.close());
    const daemon = await startDaemon(await variablesOf(proxy.url));
    await daemon.healthy();
    proxy.hang();
    const health = await daemon.health();
    assert.equal(health.code, 503);
    assert.match(health.reasons[0] ?? "", /no answer within/);
    const end = await daemon.end("SIGTERM");
    assert.equal(end.code, 0, daemon.log().join("\n"));
    assert.ok(end.tookMs < stopLimitMs, `it took ${end.tookMs} ms`);
    await proxy.close();
  });

  test("two daemons run each check once; a disabled feature has none; enabling it checks at once", async () => {
    const daemons = [
      await startDaemon(await variablesOf(database.url)),
      await startDaemon(await variablesOf(database.url)),
    ];
    const all = (): number => daemons.reduce((sum, daemon) => sum + checks(daemon), 0);
    const queued = async (): Promise<number> => {
      const { rows } = await pool.query<{ count: number }>(
        "select count(*)::int as count from graphile_worker.jobs where key = 'check'",
      );
      return rows[0]!.count;
    };
    const setPeriod = (hours: number) =>
      pool.query("select backup_awareness.set_option('BackupCheckPeriodInHours', $1, 'test')", [JSON.stringify(hours)]);
    try {
      for (const daemon of daemons) await daemon.healthy();
      await waitUntil("the first check, which the two may share", async () => all() >= 1 && (await queued()) === 1);
      const first = all();

      for (let round = 1; round <= 5; round++) {
        await pool.query("select graphile_worker.add_job('check', job_key => 'check')");
        await waitUntil("the check has run", async () => all() >= first + round && (await queued()) === 1);
      }
      assert.equal(all(), first + 5);

      await setPeriod(-1);
      assert.equal(await queued(), 0);
      assert.equal((await daemons[0]!.health()).code, 200);
      await setPeriod(6);
      await waitUntil("a check is queued again", async () => (await queued()) === 1);
    } finally {
      for (const daemon of daemons) assert.equal((await daemon.end("SIGTERM")).code, 0);
    }
  });
});
