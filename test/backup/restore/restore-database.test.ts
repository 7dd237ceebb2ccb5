import assert from "node:assert/strict";
import { truncate } from "node:fs/promises";
import { describe, it, type TestContext } from "node:test";
import pg from "pg";
import { parseDatabaseUrl } from "../../../src/settings/database-url.ts";
import { applicationDatabase, execute, server } from "../backup-fixture.ts";
import { nastyRows, nastySchema } from "../nasty-schema.ts";
import { databasesLike, dumpOf, restoreOf, restoreTarget } from "./database-restore-fixture.ts";

const stamp = "20261125T000000Z";

const emptyTarget = (test: TestContext) => restoreTarget(test, "select 1");

/** A target that has content, by which its former state is known. */
const targetInUse = (test: TestContext) =>
  restoreTarget(test, "create table former (i int); insert into former values (1), (2)");

async function assertFormerState(url: string): Promise<void> {
  const { rows } = await execute(url, "select count(*)::int as n from former");
  assert.deepEqual(rows, [{ n: 2 }]);
  assert.deepEqual(await databasesLike(url), ["app"], "nothing is left beside it");
}

/** A login without any rights but those given, as a URL to this database. */
async function loginFor(test: TestContext, url: string, attributes: string): Promise<string> {
  const role = `r${Math.random().toString(36).slice(2, 10)}`;
  await execute(server.superuserUrl, `create role ${role} login password 'x' ${attributes}`);
  // By then the databases in which it owns something are gone.
  test.after(() => execute(server.superuserUrl, `drop owned by ${role}; drop role ${role}`));
  const own = new URL(url);
  own.username = role;
  own.password = "x";
  return own.href;
}

describe("a database's restore", { concurrency: 1 }, () => {
  it("brings back everything of a nasty schema, compared row by row, in parallel", async (test) => {
    const dump = await dumpOf(test, nastySchema + nastyRows);
    const url = await emptyTarget(test);
    const prepared = await restoreOf(test, dump, url).prepare();
    assert.deepEqual(await databasesLike(url), ["app", `app_restoring_${stamp}`]);
    const result = await prepared.settle();
    await prepared.discard();
    assert.deepEqual(
      { ...result, notes: [], database: "" },
      {
        tables: 7,
        rows: 177,
        isCompared: true,
        differences: [],
        notes: [],
        database: "",
        way: "beside",
        former: null,
        warnings: [],
      },
    );
    const { rows } = await execute(
      url,
      `select (select count(*)::int from customer) as c, reltuples::int as statistics from pg_class where relname = 'customer'`,
    );
    assert.deepEqual(rows, [{ c: 100, statistics: 100 }], "the planner knows the restored tables");
  });

  it("keeps the former database under another name, and drops it when told to", async (test) => {
    const dump = await dumpOf(test, "create table t (i int); insert into t values (1)");
    const url = await targetInUse(test);
    const prepared = await restoreOf(test, dump, url).prepare({}, { force: true });
    const { former } = await prepared.settle();
    await prepared.discard();
    assert.equal(former, `${parseDatabaseUrl(url).database}_before_restore_${stamp}`);
    assert.deepEqual((await execute(url, "select * from t")).rows, [{ i: 1 }]);
    const formerUrl = new URL(url);
    formerUrl.pathname = `/${former}`;
    assert.equal((await execute(formerUrl.href, "select * from former")).rowCount, 2);

    const again = await restoreOf(test, dump, url).prepare(
      { dropsFormer: true, stamp: "20261126T000000Z" },
      { force: true },
    );
    assert.equal((await again.settle()).former, null);
    await again.discard();
    assert.deepEqual(await databasesLike(url), ["app", `app_before_restore_${stamp}`]);
  });

  it("gives the restored one what the replaced one was: owner, limit, settings, rights, comment", async (test) => {
    const dump = await dumpOf(test, "create table t (i int)");
    const url = await targetInUse(test);
    const name = parseDatabaseUrl(url).database;
    const owner = parseDatabaseUrl(await loginFor(test, url, "")).user;
    await execute(
      url,
      `alter database "${name}" owner to ${owner}; alter database "${name}" connection limit 17; comment on database "${name}" is 'it''s \\ ours';
       alter database "${name}" set search_path = "$user", public, "a, b"; alter database "${name}" set work_mem = '5MB'; alter database "${name}" set my.own = 'x''y';
       alter role ${owner} in database "${name}" set statement_timeout = '3s'; revoke connect on database "${name}" from public; grant create on database "${name}" to ${owner} with grant option`,
    );
    const properties = async (): Promise<Record<string, unknown>[]> =>
      (
        await execute(
          url,
          `select datdba::regrole, datconnlimit, datacl, datcollate, datctype, encoding, shobj_description(oid, 'pg_database') as comment,
                  array(select setrole::regrole || ': ' || c from pg_db_role_setting, unnest(setconfig) c where setdatabase = d.oid order by 1) as settings
             from pg_database d where datname = current_database()`,
        )
      ).rows as Record<string, unknown>[];
    const before = await properties();
    assert.equal((before as { settings: string[] }[])[0]?.settings.length, 4);
    const prepared = await restoreOf(test, dump, url).prepare({}, { force: true });
    const { warnings } = await prepared.settle();
    await prepared.discard();
    assert.deepEqual(warnings, []);
    const after = await properties();
    const sorted = (rows: Record<string, unknown>[]) =>
      rows.map((row) => ({
        ...row,
        datacl: (row as { datacl: string }).datacl.replace(/[{}]/g, "").split(",").toSorted(),
      }));
    assert.deepEqual(sorted(after), sorted(before));
  });

  it("gives an empty database the settings of the dumped one", async (test) => {
    const source = await applicationDatabase(test, "create table t (i int)");
    const sourceName = parseDatabaseUrl(source).database;
    await execute(
      source,
      `alter database "${sourceName}" set search_path = public, "b c"; comment on database "${sourceName}" is 'dumped'`,
    );
    const dump = await dumpOf(test, "", "custom", source);
    const url = await emptyTarget(test);
    const prepared = await restoreOf(test, dump, url).prepare();
    await prepared.settle();
    await prepared.discard();
    const { rows } = await execute(
      url,
      "select current_setting('search_path') as path, shobj_description(oid, 'pg_database') as comment from pg_database where datname = current_database()",
    );
    assert.deepEqual(rows, [{ path: 'public, "b c"', comment: "dumped" }]);
  });

  it("makes a missing database only when told to", async (test) => {
    const dump = await dumpOf(test, "create table t (i int)");
    const url = await emptyTarget(test);
    await execute(server.superuserUrl, `drop database "${parseDatabaseUrl(url).database}"`);
    const refusal = await restoreOf(test, dump, url).plan();
    assert.equal(refusal.restore, null);
    assert.match(refusal.checks.find(({ outcome }) => outcome === "refused")?.hint ?? "", /--provision-db/);
    const prepared = await restoreOf(test, dump, url).prepare({}, { provision: true });
    await prepared.settle();
    await prepared.discard();
    assert.equal((await execute(url, "select * from t")).rowCount, 0);
  });

  it("is refused by a check, with nothing touched: a full database without --force, somebody connected without --disconnect", async (test) => {
    const dump = await dumpOf(test, "create table t (i int)");
    const url = await targetInUse(test);
    const client = new pg.Client({ connectionString: url, application_name: "the application" });
    client.on("error", () => undefined);
    await client.connect();
    const { checks, restore } = await restoreOf(test, dump, url).plan();
    assert.equal(restore, null);
    const told = checks
      .filter(({ outcome }) => outcome === "refused")
      .map(({ finding, hint }) => `${finding} / ${hint}`);
    assert.match(told.join("\n"), /is not empty: 1 objects.* \/ add --force/);
    assert.match(
      told.join("\n"),
      /connected to .*: the application, process \d+, role postgres, from 127\.0\.0\.1 \/ .*--disconnect/,
    );

    const prepared = await restoreOf(test, dump, url).prepare({}, { force: true, disconnect: true });
    await client.query("select 1");
    await prepared.settle();
    await prepared.discard();
    await assert.rejects(client.query("select 1"), "its session was ended, at the very end");
    await client.end().catch(() => undefined);
    assert.equal((await execute(url, "select * from t")).rowCount, 0);
  });

  it("leaves the former state where somebody connects meanwhile, and names him", async (test) => {
    const dump = await dumpOf(test, "create table t (i int)");
    const url = await targetInUse(test);
    const prepared = await restoreOf(test, dump, url).prepare({}, { force: true });
    const client = new pg.Client({ connectionString: url, application_name: "latecomer" });
    await client.connect();
    await assert.rejects(prepared.settle(), {
      code: "RESTORE_FAILED",
      message: /being accessed by other users.*latecomer, process/,
    });
    await client.end();
    await prepared.discard();
    await assertFormerState(url);
  });

  it("drops what it made when a table fails to restore, and says which", async (test) => {
    const dump = await dumpOf(
      test,
      `create function is_positive(i int) returns boolean language sql as 'select i > 0';
       create table t (i int check (is_positive(i))); insert into t values (1);
       create or replace function is_positive(i int) returns boolean language sql as 'select i > 5'`,
    );
    const url = await targetInUse(test);
    await assert.rejects(restoreOf(test, dump, url).prepare({}, { force: true }), {
      code: "RESTORE_FAILED",
      message: /violates check constraint "t_i_check"|is_positive/,
    });
    await assertFormerState(url);
  });

  it("refuses a damaged dump before anything is made", async (test) => {
    const dump = await dumpOf(test, "create table t (i int)");
    const url = await targetInUse(test);
    await truncate(dump.path, 200);
    await assert.rejects(restoreOf(test, dump, url).plan({}, { force: true }), {
      code: "RESTORE_FAILED",
      message: /pg_restore/,
    });
    await assertFormerState(url);
  });

  it("tells what differs from the manifest", async (test) => {
    const dump = await dumpOf(test, "create table t (i int); insert into t values (1), (2)");
    const url = await emptyTarget(test);
    const archived = { ...dump.archived, rowCounts: { "public.t": 3 } };
    const prepared = await restoreOf(test, dump, url).prepare({ archived });
    assert.deepEqual(prepared.comparison?.differences, ["rows of public.t: 2 instead of 3"]);
    await prepared.discard();
  });

  it("drops what a killed run has left, and nothing that is not a restore's", async (test) => {
    const dump = await dumpOf(test, "create table t (i int)");
    const url = await emptyTarget(test);
    const name = parseDatabaseUrl(url).database;
    const [left, foreign] = [`${name}_restoring_20250101T000000Z`, `${name}_restoring_20250102T000000Z`];
    await execute(server.superuserUrl, `create database "${left}"`);
    await execute(server.superuserUrl, `comment on database "${left}" is 'engine-backup is restoring here'`);
    await execute(server.superuserUrl, `create database "${foreign}"`);
    const prepared = await restoreOf(test, dump, url).prepare();
    await prepared.discard();
    assert.deepEqual(await databasesLike(url), ["app", "app_restoring_20250102T000000Z"]);
  });

  it("of the same database is done by one run at a time", async (test) => {
    const dump = await dumpOf(test, "create table t (i int)");
    const url = await emptyTarget(test);
    const prepared = await restoreOf(test, dump, url).prepare();
    await assert.rejects(restoreOf(test, dump, url).prepare({ stamp: "20261126T000000Z" }), {
      code: "RESTORE_RUNNING",
    });
    await prepared.discard();
  });

  it("makes the roles that are missing, from the archive's globals, or says which are", async (test) => {
    const source = await applicationDatabase(test, "create table t (i int); create table u (i int)");
    const [owner, reader] = ["restored_owner", "restored reader"];
    await execute(
      source,
      `create role ${owner} nologin; create role "${reader}" login connection limit 3; grant ${owner} to "${reader}"`,
    );
    await execute(source, `alter table t owner to ${owner}; grant select on u to "${reader}"`);
    const dump = await dumpOf(test, "", "custom", source);
    await execute(
      source,
      `drop owned by ${owner}; drop owned by "${reader}"; drop role "${reader}"; drop role ${owner}`,
    );
    const url = await emptyTarget(test);
    test.after(async () => {
      await execute(server.superuserUrl, `drop role "${reader}"; drop role ${owner}`);
    });
    const refusal = await restoreOf(test, dump, url).plan();
    assert.match(
      refusal.checks.find(({ outcome }) => outcome === "refused")?.finding ?? "",
      /roles are missing: (restored_owner, restored reader|restored reader, restored_owner)/,
    );
    const globals = `--\nCREATE ROLE ${owner};\nALTER ROLE ${owner} WITH NOSUPERUSER INHERIT NOLOGIN;\nCREATE ROLE "${reader}";
ALTER ROLE "${reader}" WITH LOGIN CONNECTION LIMIT 3;\nCREATE ROLE not_needed;\nGRANT ${owner} TO "${reader}" GRANTED BY postgres;\n`;
    const prepared = await restoreOf(test, dump, url).prepare({ globals });
    const { differences } = await prepared.settle();
    await prepared.discard();
    assert.deepEqual(differences, []);
    const { rows } = await execute(
      url,
      `select 't'::regclass::oid is not null and pg_get_userbyid(relowner) = '${owner}' as owned, pg_has_role('${reader}', '${owner}', 'member') as member,
              has_table_privilege('${reader}', 'u', 'select') as reads, exists (select from pg_roles where rolname = 'not_needed') as extra
         from pg_class where relname = 't'`,
    );
    assert.deepEqual(rows, [{ owned: true, member: true, reads: true, extra: false }]);
  });

  it("leaves owners and rights out when told to", async (test) => {
    const source = await applicationDatabase(test, "create table t (i int)");
    await execute(source, `create role gone_owner; alter table t owner to gone_owner`);
    const dump = await dumpOf(test, "", "custom", source);
    await execute(source, "drop owned by gone_owner; drop role gone_owner");
    const url = await emptyTarget(test);
    const prepared = await restoreOf(test, dump, url).prepare({}, { permissions: false });
    assert.deepEqual(prepared.comparison?.differences, []);
    await prepared.settle();
    await prepared.discard();
  });

  describe("by a role that may not create databases", () => {
    it("is one transaction, into an empty database and over one with content", async (test) => {
      const dump = await dumpOf(
        test,
        "create table t (i int primary key); insert into t select generate_series(1, 50)",
      );
      const url = await emptyTarget(test);
      const own = await loginFor(test, url, "");
      await execute(
        url,
        `alter database "${parseDatabaseUrl(url).database}" owner to ${parseDatabaseUrl(own).user}; grant create, usage on schema public to public`,
      );
      for (const wishes of [{ permissions: false }, { permissions: false, force: true }]) {
        const prepared = await restoreOf(test, dump, own).prepare({}, wishes);
        const result = await prepared.settle();
        await prepared.discard();
        assert.deepEqual([result.way, result.rows, result.differences], ["in place", 50, []]);
        await execute(own, "delete from t where i > 10");
      }
    });

    it("leaves the former state where a table fails", async (test) => {
      const dump = await dumpOf(
        test,
        `create function is_positive(i int) returns boolean language sql as 'select i > 0';
         create table former (i int check (is_positive(i))); insert into former values (1);
         create or replace function is_positive(i int) returns boolean language sql as 'select i > 5'`,
      );
      const url = await emptyTarget(test);
      const own = await loginFor(test, url, "");
      await execute(
        url,
        `alter database "${parseDatabaseUrl(url).database}" owner to ${parseDatabaseUrl(own).user}; grant create, usage on schema public to public`,
      );
      await execute(own, "create table former (i int); insert into former values (1), (2)");
      const prepared = await restoreOf(test, dump, own).prepare({}, { permissions: false, force: true });
      await assert.rejects(prepared.settle(), { code: "RESTORE_FAILED", message: /pg_restore/ });
      await prepared.discard();
      await assertFormerState(url);
    });

    it("is refused before anything is touched where it may not restore what belongs to others", async (test) => {
      const dump = await dumpOf(test, "create table t (i int)");
      const url = await emptyTarget(test);
      const own = await loginFor(test, url, "");
      const { checks, restore } = await restoreOf(test, dump, own).plan();
      assert.equal(restore, null);
      assert.match(
        checks.find(({ outcome }) => outcome === "refused")?.finding ?? "",
        /may not restore what belongs to postgres/,
      );
    });
  });

  it("of a plain dump, as oVirt's tool writes it, is compared as well", async (test) => {
    const dump = await dumpOf(test, nastySchema + nastyRows, "plain");
    const url = await targetInUse(test);
    const prepared = await restoreOf(test, dump, url).prepare({}, { force: true });
    const result = await prepared.settle();
    await prepared.discard();
    assert.deepEqual([result.differences, result.tables, result.rows], [[], 7, 177]);
  });
});
