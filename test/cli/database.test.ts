import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { backupAwarenessProgram } from "../../src/cli/program.ts";
import { databaseUrlWithoutPassword } from "../../src/settings/database-url.ts";
import { callCommand, type Outcome, runCommand, startCommand } from "../support/run-command.ts";
import { createDatabase, testServers } from "../support/servers.ts";
import { waitUntil } from "../support/wait-until.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "database-"));
  // As root, the embedded server runs as another user, who must pass through.
  await chmod(directory, 0o711);
});
after(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe("on a database of the administrator's own", () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  before(async () => {
    database = await createDatabase(testServers.at(-1)!);
  });
  after(async () => {
    await database.drop();
  });

  function call(...parameters: string[]): Promise<Outcome> {
    const variables = {
      BACKUP_AWARENESS_HOME: directory,
      BACKUP_AWARENESS_FQDN: "host.example.com",
      BACKUP_AWARENESS_DATABASE_URL: database.url,
    };
    return callCommand(backupAwarenessProgram, parameters, { variables });
  }

  test("commands refuse a database that was not migrated, and change nothing", async () => {
    const { code, stderr } = await call("status");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^error: the database holds no Backup Awareness yet\nhint: run `backup-awareness database migrate`/,
    );
    const status = JSON.parse((await call("database", "status", "--json")).stdout) as {
      schema: { version: number; current: boolean };
    };
    assert.deepEqual([status.schema.version, status.schema.current], [0, false]);
    assert.match(
      (await call("database", "status")).stdout,
      /^schema {2}0; this program needs \d+: run `backup-awareness database migrate`$/m,
    );
  });

  test("migrate brings it to the program's schema, once", async () => {
    const first = await call("database", "migrate");
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^applied 0001_create_options$/m);
    const second = JSON.parse((await call("database", "migrate", "--json")).stdout) as {
      version: number;
      applied: string[];
      procedures_applied: boolean;
    };
    assert.deepEqual([second.applied, second.procedures_applied], [[], false]);
    assert.equal((await call("status")).code, 0);
  });

  test("status tells server, schema, size, and that unqualified calls are found", async () => {
    const { stdout } = await call("database", "status", "--json");
    const status = JSON.parse(stdout) as Record<string, unknown> & {
      schema: { current: boolean };
      size_bytes: { backup_awareness: number };
    };
    assert.match(String(status["server_version"]), new RegExp(`^${testServers.at(-1)!.major}\\.`));
    assert.deepEqual([status["embedded"], status.schema.current, status["resolves_unqualified"]], [false, true, true]);
    assert.ok(status.size_bytes.backup_awareness > 100_000);
    assert.doesNotMatch(stdout, new RegExp(new URL(database.url).password));
  });

  test("url is the one of the settings without its password, or the reporter's", async () => {
    assert.equal((await call("database", "url")).stdout, `${databaseUrlWithoutPassword(database.url)}\n`);
    const reporter = await call("database", "url", "--role", "backup_reporter");
    assert.match(reporter.stdout, /^postgres:\/\/backup_reporter@127\.0\.0\.1:\d+\/test_\w+\n$/);
    assert.match(reporter.stderr, /backup_reporter must be able to log in/);
  });
});

describe("on the embedded cluster", () => {
  const variables = (): Record<string, string> => ({
    BACKUP_AWARENESS_HOME: join(directory, "home"),
    BACKUP_AWARENESS_FQDN: "host.example.com",
  });

  test("every command works on a virgin home, and leaves no server behind", { timeout: 60_000 }, async () => {
    const status = await runCommand("backup-awareness", ["status"], variables());
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, /^host\.example\.com {2}no full backup since/);
    assert.match(status.stdout, /Only Backup Awareness itself is protected/);
    const url = await runCommand("backup-awareness", ["database", "url"], variables());
    assert.match(url.stdout, /^postgres:\/\/backup_awareness@127\.0\.0\.1:\d+\/backup_awareness\?passfile=\S+\n$/);
    assert.match(url.stderr, /does not run now/);
  });

  test(
    "psql reports, unqualified, by the URL that is printed for a reporter, and a reporter can do nothing else",
    { timeout: 60_000 },
    async (context) => {
      const following = startCommand("backup-awareness", ["events", "--follow", "--json"], variables());
      try {
        await waitUntil("an event", () => following.written().stdout.includes("\n"));
        const url = await runCommand("backup-awareness", ["database", "url", "--role", "backup_reporter"], variables());
        assert.equal(url.stderr, "");
        const psql = (sql: string) => promisify(execFile)("psql", [url.stdout.trim(), "-X", "-w", "-c", sql]);
        try {
          await psql("SELECT LogEngineBackupEvent('db', now(), 1, 'ok', 'other.example.com', '/tmp/x.log')");
        } catch (error) {
          if ((error as { code?: unknown }).code !== "ENOENT") throw error;
          context.skip("no psql");
          return;
        }
        await assert.rejects(psql("select * from backup_awareness.engine"), /permission denied/);
        const engines = await runCommand("backup-awareness", ["engines", "list"], variables());
        assert.match(engines.stdout, /^other\.example\.com +no_full_backup/m);
      } finally {
        following.child.kill("SIGINT");
        assert.equal((await following.outcome()).code, 0);
      }
    },
  );

  test("a command that Ctrl-C ends leaves no server behind", { timeout: 60_000 }, async () => {
    const ended = startCommand("backup-awareness", ["check"], variables());
    const users = join(directory, "home", "postgres", "users");
    await waitUntil("it works with the server", async () => (await readdir(users)).length > 0);
    ended.child.kill("SIGINT");
    const { code } = await ended.outcome();
    assert.ok(code === 130 || code === 0, `ended with ${code}`);
    assert.match((await runCommand("backup-awareness", ["database", "url"], variables())).stderr, /does not run now/);
  });
});
