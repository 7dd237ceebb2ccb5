import assert from "node:assert/strict";
import { open, readdir, stat } from "node:fs/promises";
import { describe, it } from "node:test";
import { execute, server } from "../backup-fixture.ts";
import { databasesLike, restoreTarget } from "./database-restore-fixture.ts";
import { testEngine } from "./restored-engine.ts";

const application = "create table t (i int primary key); insert into t select generate_series(1, 100)";

async function events(url: string): Promise<string[]> {
  const { rows } = await execute(
    url,
    "select log_type_name || ' ' || scope || ': ' || message as told from backup_awareness.audit_log where log_type_name like 'ENGINE_RESTORE%' order by id",
  );
  return (rows as { told: string }[]).map(({ told }) => told);
}

describe("engine-backup --mode=restore", { concurrency: 1 }, () => {
  it("restores a database over the present one, keeps that, compares, and records it", async (test) => {
    const engine = await testEngine(test, application);
    const archive = await engine.backUp("--scope=db");
    await execute(engine.url, "delete from t where i > 10; create table later (i int)");
    const { code, stdout, stderr } = await engine.restore(`--file=${archive}`, "--force");
    assert.equal(code, 0, stderr + stdout);
    assert.match(stdout, /: done\n/);
    assert.match(stdout, /db +restored and compared: 1 tables, 100 rows/);
    assert.match(stdout, /kept as "(app_\w+_before_restore_\w+)"; when nobody needs it: drop database "\1"/);
    assert.equal((await execute(engine.url, "select * from t")).rowCount, 100);
    const told = await events(engine.ownUrl);
    assert.match(told[0] ?? "", /^ENGINE_RESTORE_STARTED db: .*from ".*\.tar\.zst"/);
    assert.match(told[1] ?? "", /^ENGINE_RESTORE_COMPLETED db: .*restored and compared .*1 tables, 100 rows/);
    assert.deepEqual(await readdir(engine.temporary), []);
  });

  it("says with --dry-run what would be done, and touches nothing", async (test) => {
    const engine = await testEngine(test, application);
    const archive = await engine.backUp("--scope=db");
    const { code, stdout } = await engine.restore(`--file=${archive}`, "--force", "--dry-run");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /would be done; nothing was touched/);
    assert.match(stdout, /db +note +the database "app_\w+" holds 1 objects \(.*\), which will be replaced/);
    assert.match(stdout, /db +ok +a new database is filled, compared and then put in its place by renaming/);
    assert.deepEqual(await databasesLike(engine.url), ["app"]);
    assert.deepEqual(await events(engine.ownUrl), []);
    const json = await engine.restore(`--file=${archive}`, "--dry-run", "--json");
    assert.equal(json.code, 1);
    const told = JSON.parse(json.stdout) as { refused: boolean; checks: { outcome: string; hint: string }[] };
    assert.equal(told.refused, true);
    assert.match(told.checks.find(({ outcome }) => outcome === "refused")?.hint ?? "", /--force/);
  });

  it("touches nothing where the archive is damaged, whatever byte it is", async (test) => {
    const engine = await testEngine(test, application);
    const archive = await engine.backUp("--scope=db");
    const { size } = await stat(archive);
    for (const position of [20, Math.floor(size / 3), size - 40]) {
      const file = await open(archive, "r+");
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, position);
      await file.write(Buffer.from([byte.readUInt8(0) ^ 0x40]), 0, 1, position);
      const { code, stderr } = await engine.restore(`--file=${archive}`, "--force");
      await file.write(byte, 0, 1, position);
      await file.close();
      assert.equal(code, 1);
      assert.match(stderr, /archive/);
    }
    assert.deepEqual(await databasesLike(engine.url), ["app"]);
    assert.deepEqual(await events(engine.ownUrl), []);
  });

  it("restores elsewhere with --change-db-credentials, and makes role and database there with --provision-db", async (test) => {
    const engine = await testEngine(test, application);
    const archive = await engine.backUp("--scope=db");
    const place = new URL(await restoreTarget(test, "select 1"));
    const role = `${place.pathname.slice(1)}_login`;
    const database = `${place.pathname.slice(1)}_2`;
    test.after(() =>
      execute(server.superuserUrl, `drop database if exists ${database}; `).then(() =>
        execute(server.superuserUrl, `drop role if exists ${role}`),
      ),
    );
    const words = [
      `--file=${archive}`,
      "--change-db-credentials",
      `--db-host=${place.hostname}`,
      `--db-port=${place.port}`,
      `--db-user=${role}`,
      "--db-password=secret one",
      `--db-name=${database}`,
      `--provision-url=${server.superuserUrl}`,
    ];
    const refused = await engine.restore(...words);
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, /there is no role .*\n.*hint: add --provision-db/);
    assert.match(refused.stderr, /warning: everybody on this machine can see a password/);
    const { code, stdout, stderr } = await engine.restore(...words, "--provision-db", "--no-restore-permissions");
    assert.equal(code, 0, stdout + stderr);
    place.username = role;
    place.password = encodeURIComponent("secret one");
    place.pathname = `/${database}`;
    const { rows } = await execute(
      place.href,
      "select (select count(*)::int from t) as n, pg_get_userbyid(datdba) as owner, current_user as login from pg_database where datname = current_database()",
    );
    assert.deepEqual(rows, [{ n: 100, owner: role, login: role }]);
  });

  it("ends with 1 and says what is there when a password is wrong", async (test) => {
    const engine = await testEngine(test, application);
    const archive = await engine.backUp("--scope=db");
    const { code, stdout } = await engine.restore(
      `--file=${archive}`,
      "--force",
      "--change-db-credentials",
      "--db-user=postgres",
      "--db-password=wrong",
    );
    assert.equal(code, 1);
    assert.match(stdout, /refused, nothing was touched/);
    assert.match(stdout, /password/);
  });

  it("needs an archive from a file", async (test) => {
    const engine = await testEngine(test, "select 1");
    for (const [words, expected] of [
      [[], /needs the archive/],
      [["--file=-"], /cannot come from standard input/],
      [["--file=/x", "--db-host=h"], /--db-host says nothing without --change-db-credentials/],
      [["--file=/x", "--fast-restore", "--db-restore-jobs=3"], /contradict/],
    ] as const) {
      const { code, stderr } = await engine.restore(...words);
      assert.equal(code, 2);
      assert.match(stderr, expected);
    }
  });
});
