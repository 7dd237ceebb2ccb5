import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import pg from "pg";
import { compareFacts } from "../../src/backup/compare-facts.ts";
import { readDatabaseFacts, type FactsReading, type FactsRequest } from "../../src/backup/database-facts.ts";
import { openSnapshot } from "../../src/backup/dump-snapshot.ts";
import { findFittingProgram } from "../../src/backup/find-fitting-program.ts";
import { createDatabase, testServers, type TestServer } from "../support/servers.ts";
import { applicationDatabase, execute, server } from "./backup-fixture.ts";
import { nastyRows, nastySchema } from "./nasty-schema.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const run = promisify(execFile);
const nothingExcluded = { tables: [], tableData: [] };

async function withFacts<Result>(
  url: string,
  work: (read: (request?: Partial<FactsRequest>) => Promise<FactsReading>) => Promise<Result>,
): Promise<Result> {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const snapshot = await openSnapshot(pool);
  try {
    const common = { excluded: nothingExcluded, lockTimeoutMs: 5_000, queryTimeoutMs: 30_000 };
    return await work((request = {}) => readDatabaseFacts(snapshot.client, { ...common, ...request }));
  } finally {
    await snapshot.close();
    await pool.end();
  }
}

const readFacts = (url: string, request: Partial<FactsRequest> = {}) => withFacts(url, (read) => read(request));

/** Dumped and restored into another database; its address. */
async function restoredCopy(
  test: TestContext,
  url: string,
  { target = server, dumpWords = [] }: { target?: TestServer; dumpWords?: readonly string[] } = {},
): Promise<string> {
  const file = join(await temporaryDirectory(test), "dump.sql");
  const { path } = await findFittingProgram("pg_dump", server.major, process.env["PATH"]);
  await run(path, ["--format=plain", `--file=${file}`, ...dumpWords, `--dbname=${url}`]);
  const copy = await createDatabase(target);
  test.after(() => copy.drop());
  await run(join(path, "../psql"), ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file, copy.url]);
  return copy.url;
}

describe("a database's facts", () => {
  it("are the same after a dump and a restore, whatever the schema is made of", async (test) => {
    const url = await applicationDatabase(test, nastySchema + nastyRows);
    const { facts, warnings } = await readFacts(url);
    assert.deepEqual(warnings, []);
    assert.deepEqual(facts.rowCounts, {
      "public.customer": 100,
      "public.measure_2024": 37,
      '"Sch ema"."measure rest"': 34,
      "public.refers": 0,
      "public.parent": 1,
      "public.child": 2,
      '"ünï.cøde"."ta""ble"': 3,
    });
    assert.equal(facts.largeObjects, 2);

    const restored = await readFacts(await restoredCopy(test, url));
    assert.deepEqual(compareFacts(facts, restored.facts, { withPrivileges: true }), {
      differences: [],
      comparedTables: 7,
      comparedRows: 177,
      uncountedTables: 0,
    });
    assert.equal(restored.facts.schema.fingerprint, facts.schema.fingerprint);
  });

  it("are comparable with those of a newer major, as far as both write alike", async (test) => {
    const newest = testServers.at(-1);
    if (newest === undefined || newest.major === server.major) {
      test.skip("needs servers of two majors");
      return;
    }
    const url = await applicationDatabase(test, nastySchema + nastyRows);
    const { facts } = await readFacts(url);
    const restored = await readFacts(await restoredCopy(test, url, { target: newest }));
    assert.deepEqual(compareFacts(facts, restored.facts, { withPrivileges: true }).differences, []);
  });

  for (const [change, differences] of [
    [`drop index "by lower"`, ['missing: index "by lower" on public.customer']],
    [`create index further on child (own)`, ["not in the backup: index further on public.child"]],
    [`alter table child alter own type bigint`, ["different: table public.child (its structure)"]],
    [`alter table child alter own set default 4`, ["different: table public.child (its expressions)"]],
    [`alter table customer drop constraint "known ones"`, ['missing: constraint "known ones" on public.customer']],
    [
      `alter table customer enable trigger "touch it"`,
      ['different: trigger "touch it" on public.customer (its structure)'],
    ],
    [
      `alter policy "own ones" on customer using (worth > 1)`,
      ['different: policy "own ones" on public.customer (its expressions)'],
    ],
    [`alter type mood add value 'new'`, ["different: type public.mood (its structure)"]],
    [`alter sequence loose increment 6`, ["different: sequence public.loose (its structure)"]],
    [
      `alter sequence customer_late_seq owned by none`,
      ["different: sequence public.customer_late_seq (its structure)"],
    ],
    [
      `create or replace procedure nothing(inout a int) language plpgsql as $$begin a := a + 2; end$$`,
      ["different: function public.nothing(INOUT a integer) (its structure)"],
    ],
    [`create or replace view countdown as select 3 as n`, ["different: view public.countdown (its expressions)"]],
    [`drop operator === (int, int)`, ["missing: operator public.===(integer,integer)"]],
    [`grant select on child to public`, ["different: table public.child (its privileges)"]],
    [`grant update (own) on child to public`, ["different: table public.child (its privileges)"]],
    [`delete from child where own = 4`, ["rows of public.child: 1 instead of 2"]],
    [`select lo_unlink(oid) from pg_largeobject_metadata`, ["large objects: 0 instead of 2"]],
  ] as const) {
    it(`name what differs after: ${change}`, async (test) => {
      const template = await nastyTemplate();
      const copy = await createDatabase(server, { template: template.name });
      test.after(() => copy.drop());
      await execute(copy.url, change);
      const { facts } = await readFacts(copy.url);
      assert.deepEqual(compareFacts(template.facts, facts, { withPrivileges: true }).differences, differences);
    });
  }

  it("know nothing of tables that are left out, and count no rows that are", async (test) => {
    const url = await applicationDatabase(test, nastySchema + nastyRows);
    const excluded = { tables: ["customer", "refers"], tableData: ['"Sch ema".*', "PARENT"] };
    const { facts } = await readFacts(url, { excluded });
    assert.deepEqual(facts.rowCounts, {
      "public.measure_2024": 37,
      '"Sch ema"."measure rest"': null,
      "public.parent": null,
      "public.child": 2,
      '"ünï.cøde"."ta""ble"': 3,
    });
    assert.deepEqual(
      Object.keys(facts.schema.objects).filter((name) =>
        /on public\.(customer|refers)|table public\.(customer|refers)$/.test(name),
      ),
      [],
    );

    // What refers to a table that is left out does not restore.
    await execute(url, 'drop view "Sch ema".overview; drop materialized view summary');
    const withoutThese = await readFacts(url, { excluded });
    const dumpWords = [
      "-T",
      "customer",
      "-T",
      "refers",
      "--exclude-table-data",
      '"Sch ema".*',
      "--exclude-table-data",
      "PARENT",
    ];
    const restored = await readFacts(await restoredCopy(test, url, { dumpWords }));
    assert.deepEqual(compareFacts(withoutThese.facts, restored.facts, { withPrivileges: true }), {
      differences: [],
      comparedTables: 3,
      comparedRows: 42,
      uncountedTables: 2,
    });
  });

  it("know nothing of what belongs to an extension, but of the extension", async (test) => {
    const { rows } = await execute(server.superuserUrl, "select from pg_available_extensions where name = 'hstore'");
    if (rows.length === 0) {
      test.skip("needs the extension hstore");
      return;
    }
    const url = await applicationDatabase(
      test,
      "create schema ext; create extension hstore schema ext; create table t (h ext.hstore default 'a=>1')",
    );
    const { facts } = await readFacts(url);
    assert.deepEqual(Object.keys(facts.schema.objects), ["extension hstore", "schema ext", "table public.t"]);
    const restored = await readFacts(await restoredCopy(test, url));
    assert.deepEqual(compareFacts(facts, restored.facts, { withPrivileges: true }).differences, []);
  });

  it("are those of the snapshot, and a table whose file was exchanged since then is not counted but told", async (test) => {
    const url = await applicationDatabase(
      test,
      "create table kept as select 1; create table emptied as select 1; create table removed as select 1; create table locked as select 1",
    );
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    try {
      const { facts, warnings } = await withFacts(url, async (read) => {
        await holder.query(
          "insert into kept values (2); truncate emptied; drop table removed; create table made (i int)",
        );
        await holder.query("begin; lock table locked in access exclusive mode");
        return read();
      });
      assert.deepEqual(facts.rowCounts, {
        "public.kept": 1,
        "public.emptied": null,
        "public.removed": null,
        "public.locked": null,
      });
      assert.deepEqual(warnings, [
        "the rows of public.emptied were not counted: it was truncated or rewritten meanwhile",
        "the rows of public.removed were not counted: it was removed meanwhile",
        "the rows of public.locked were not counted: it is locked",
      ]);
    } finally {
      await holder.end();
    }
  });
});

let template: Promise<{ readonly name: string; readonly facts: FactsReading["facts"] }> | null = null;

/** The nasty database, to be copied; it lives as long as the server. */
function nastyTemplate() {
  template ??= (async () => {
    const { name, url } = await createDatabase(server);
    await execute(url, nastySchema + nastyRows);
    const { facts } = await readFacts(url);
    return { name, facts };
  })();
  return template;
}
