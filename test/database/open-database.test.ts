import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { databaseUrl, openDatabase, type OpenDatabaseOptions } from "../../src/database/open-database.ts";
import type { Database } from "../../src/database/database.ts";
import { createDatabase, testServers } from "../support/servers.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "open-database-"));
});
after(async () => {
  await rm(directory, { recursive: true, force: true });
});

function open(url: string, options: Partial<OpenDatabaseOptions> = {}): Promise<Database> {
  return openDatabase({
    settings: { home: "/nonexistent", databaseUrl: url },
    environment: { env: {}, userId: 1000, homeDirectory: directory },
    role: "daemon",
    applicationName: "open-database.test",
    ...options,
  });
}

async function errorOf(opening: Promise<Database>): Promise<BackupAwarenessError> {
  try {
    await (await opening).close();
  } catch (error) {
    assert.ok(error instanceof BackupAwarenessError, `a bare ${String(error)}`);
    return error;
  }
  return assert.fail("it was opened");
}

for (const server of testServers) {
  describe(`PostgreSQL ${server.major}`, () => {
    let database: Awaited<ReturnType<typeof createDatabase>>;
    const member = `member_${server.major}_${process.pid}`;
    const other = `other_${server.major}_${process.pid}`;
    const loginUrl = (user: string, password: string | null) => {
      const url = new URL(database.url);
      url.username = user;
      url.password = password ?? "";
      return url.href;
    };

    before(async () => {
      database = await createDatabase(server);
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      await client.query(
        `do $$ begin create role backup_awareness nologin; exception when duplicate_object or unique_violation then null; end $$`,
      );
      await client.query(`create role ${member} login password 's3cret' in role backup_awareness`);
      await client.query(`create role ${other} login password 's3cret'`);
      await client.end();
    });
    after(async () => {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      await client.query(`drop role ${member}, ${other}`);
      await client.end();
      await database.drop();
    });

    const role = async (opened: Database) =>
      (await opened.pool.query<{ role: string }>("select current_user::text as role")).rows[0]?.role;

    test("a daemon's sessions put on the role backup_awareness where the login may, an owner's never do", async () => {
      for (const [url, wanted] of [
        [database.url, "backup_awareness"],
        [loginUrl(member, "s3cret"), "backup_awareness"],
        [loginUrl(other, "s3cret"), other],
      ] as const) {
        const daemon = await open(url, { maxConnections: 3 });
        const roles = await Promise.all([1, 2, 3, 4, 5, 6].map(() => role(daemon)));
        assert.deepEqual(new Set(roles), new Set([wanted]));
        await daemon.close();
      }
      const owner = await open(database.url, { role: "owner" });
      assert.equal(await role(owner), "postgres");
      await owner.close();
    });

    test("a login's own settings change neither how times are read nor what a transaction sees", async () => {
      const odd = `odd_${server.major}_${process.pid}`;
      const admin = new pg.Client({ connectionString: database.url });
      await admin.connect();
      try {
        await admin.query(`create role ${odd} login password 's3cret' in role backup_awareness`);
        await admin.query(`alter role ${odd} set datestyle = 'German, DMY'`);
        await admin.query(`alter role ${odd} set default_transaction_isolation = 'serializable'`);
        const opened = await open(loginUrl(odd, "s3cret"));
        const { rows } = await opened.pool.query<{ time: Date | null; isolation: string }>(
          "select timestamptz '2026-03-01 12:00:00+00' as time, current_setting('transaction_isolation') as isolation",
        );
        await opened.close();
        assert.deepEqual(rows, [{ time: new Date("2026-03-01T12:00:00Z"), isolation: "read committed" }]);
      } finally {
        await admin.query(`drop role ${odd}`);
        await admin.end();
      }
    });

    test("the password is found in the URL, PGPASSWORD, ?passfile=, PGPASSFILE and ~/.pgpass", async () => {
      const { hostname, port } = new URL(database.url);
      const line = `${hostname}:${port}:*:${other}:s3cret\n`;
      const passfile = join(directory, `pass file ${server.major}`);
      await writeFile(passfile, `# a comment\n*:1:*:*:wrong\n${line}`, { mode: 0o600 });
      const bare = loginUrl(other, null);
      const environment = (env: Record<string, string>, homeDirectory = "/nonexistent") => ({
        environment: { env, userId: 1000, homeDirectory },
      });
      const opens = async (url: string, options: Partial<OpenDatabaseOptions>) => {
        const opened = await open(url, options);
        assert.equal(await role(opened), other);
        assert.doesNotMatch(opened.url, /s3cret/);
        await opened.close();
        return opened;
      };
      assert.equal((await opens(loginUrl(other, "s3cret"), environment({}))).password, "s3cret");
      assert.equal((await opens(bare, environment({ PGPASSWORD: "s3cret" }))).password, null);
      assert.match(
        (await opens(`${bare}?passfile=${encodeURIComponent(passfile)}`, environment({}))).url,
        /passfile=.*pass%20file%201/,
      );
      await opens(bare, environment({ PGPASSFILE: passfile }));
      await writeFile(join(directory, ".pgpass"), line, { mode: 0o600 });
      await opens(bare, environment({}, directory));

      await chmod(passfile, 0o640);
      const error = await errorOf(open(bare, environment({ PGPASSFILE: passfile })));
      assert.equal(error.code, "DATABASE_UNREACHABLE");
      assert.match(error.message, /asks for a password of other_/);
    });

    test("a wrong password, a database that is not there and a role that is not are told without the password", async () => {
      for (const [url, words] of [
        [loginUrl(other, "wr0ng"), /password authentication failed/],
        [loginUrl(other, "s3cret").replace(/test_[0-9a-f]+/, "nowhere"), /database "nowhere" does not exist/],
      ] as const) {
        const error = await errorOf(open(url));
        assert.equal(error.code, "DATABASE_UNREACHABLE");
        assert.match(error.message, words);
        assert.ok(error.message.includes(`cannot reach the database at ${new URL(url).host}`), error.message);
        assert.doesNotMatch(`${error.message}${error.hint ?? ""}${String(error.stack)}`, /wr0ng|s3cret/);
      }
    });

    test("a connection that is lost while it is held does not end the process; its next query tells", async () => {
      const opened = await open(database.url, { role: "owner" });
      const held = await opened.pool.connect();
      const ended = Promise.withResolvers<null>();
      held.once("end", () => {
        ended.resolve(null);
      });
      await opened.pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and application_name = 'open-database.test' and datname = current_database()",
      );
      await ended.promise;
      await assert.rejects(held.query("select 1"));
      held.release(true);
      await opened.close();
    });

    test("an idle connection that the server ends does not end the process, and the pool goes on", async () => {
      const lost = Promise.withResolvers<string>();
      const opened = await open(database.url, {
        role: "owner",
        logger: {
          info: () => undefined,
          warn: (_, message) => {
            lost.resolve(message);
          },
        },
      });
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      await client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'open-database.test' and datname = current_database()",
      );
      await client.end();
      assert.equal(await lost.promise, "an idle database connection was lost");
      assert.equal(await role(opened), "postgres");
      await opened.close();
      await opened.close();
    });
  });
}

describe("where nobody answers", () => {
  test("a closed port is told by host and port", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    server.close();
    await once(server, "close");
    const port = typeof address === "object" && address !== null ? address.port : 0;
    for (const host of ["127.0.0.1", "localhost"]) {
      const error = await errorOf(open(`postgres://u:s3cret@${host}:${port}/db`));
      assert.equal(error.code, "DATABASE_UNREACHABLE");
      assert.equal(error.message, `cannot reach the database at ${host}:${port}: nothing listens there`);
      assert.match(error.hint ?? "", /start PostgreSQL/);
    }
  });

  test("a server that is silent is given up after five seconds", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const begun = performance.now();
    const error = await errorOf(open(`postgres://u:s3cret@127.0.0.1:${port}/db`));
    assert.match(error.message, /does not answer in time/);
    assert.ok(performance.now() - begun < 8_000);
    server.close();
  });

  test("a socket directory that is not there is told", async () => {
    const error = await errorOf(open("postgres:///db?host=/nonexistent"));
    assert.match(error.message, /cannot reach the database at \/nonexistent:5432: there is no such socket/);
  });

  test("a host that does not resolve is told", async () => {
    const error = await errorOf(open("postgres://u@no-such-host.invalid/db"));
    assert.match(error.message, /cannot be resolved/);
  });
});

test("the URL for psql holds no password, and the reporter's names the reporter", async () => {
  const settings = {
    home: "/nonexistent",
    databaseUrl: "postgres://me:s3cret@db.example.com:5433/records?sslmode=verify-full&password=s3cret",
  };
  assert.equal(
    await databaseUrl(settings, "backup_awareness"),
    "postgres://me@db.example.com:5433/records?sslmode=verify-full",
  );
  assert.equal(
    await databaseUrl(settings, "backup_reporter"),
    "postgres://backup_reporter@db.example.com:5433/records?sslmode=verify-full",
  );
});
