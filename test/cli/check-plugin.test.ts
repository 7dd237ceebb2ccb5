import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import pg from "pg";
import { readFleet } from "../../src/awareness/read-fleet.ts";
import { backupAwarenessProgram } from "../../src/cli/program.ts";
import { countEngines } from "../../src/database/engine-counts.ts";
import { startProxy } from "../support/cuttable-proxy.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { callCommand, type Outcome, runCommand } from "../support/run-command.ts";
import { testServers } from "../support/servers.ts";

const ownFqdn = "host.example.com";
let database: MigratedDatabase;
let pool: pg.Pool;
let home: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "plugin-"));
});
after(() => rm(home, { recursive: true, force: true }));
beforeEach(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn });
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  await pool.query("select backup_awareness.run_check()");
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

function variables(more: Record<string, string> = {}): Record<string, string> {
  return {
    BACKUP_AWARENESS_HOME: home,
    BACKUP_AWARENESS_FQDN: ownFqdn,
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    BACKUP_AWARENESS_SCOPES_DB_URL: "postgres://app@db.example.com/app",
    ...more,
  };
}

function plugin(...parameters: string[]): Promise<Outcome> {
  return callCommand(backupAwarenessProgram, ["check", "--nagios", ...parameters], { variables: variables() });
}

const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);

async function report(fqdn: string, scope: string, status: string, at: Date): Promise<void> {
  await pool.query(
    "select backup_awareness.record_report($1, $2, $3, 'said', $4, null, v_duration_ms => 1500, v_size_bytes => 2048)",
    [scope, at, status, fqdn],
  );
}

async function fullBackup(fqdn: string, hours: number): Promise<void> {
  for (const scope of ["db", "files"]) await report(fqdn, scope, "completed", hoursAgo(hours));
}

/** As a monitoring system reads it: everything up to the bar, the data behind it, and the lines below. */
function parse({ stdout }: Outcome): { first: string; data: Record<string, string[]>; lines: string[] } {
  const [head = "", ...lines] = stdout.trimEnd().split("\n");
  const [first = "", data = ""] = head.split(" | ");
  return {
    first,
    data: Object.fromEntries(
      data
        .split(" ")
        .filter((word) => word !== "")
        .map((word) => {
          const [, label = "", rest = ""] =
            /^([^=' ]+)=((?:U|-?[0-9.]+(?:s|B)?)(?:;[-0-9.:~@]*){0,4})$/.exec(word) ?? [];
          assert.notEqual(label, "", `no performance data: ${word}`);
          return [label, rest.split(";")];
        }),
    ),
    lines,
  };
}

describe("one engine", () => {
  test("without a full backup it is CRITICAL, and the missing scopes are named", async () => {
    await report(ownFqdn, "db", "completed", hoursAgo(1));
    const outcome = await plugin();
    assert.equal(outcome.code, 2);
    const { first, data } = parse(outcome);
    assert.equal(first, "BACKUP CRITICAL - host.example.com: no full backup, never backed up: files");
    assert.equal(data["full_backup_age"]![0], "U");
  });

  test("fresh it is OK, with ages, duration and size as performance data", async () => {
    await fullBackup(ownFqdn, 3);
    const outcome = await plugin("--engine", "HOST.example.com", "--warning", "20h", "--critical", "1d");
    assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
    const { first, data, lines } = parse(outcome);
    assert.equal(first, "BACKUP OK - host.example.com: full backup 3 hours ago");
    assert.deepEqual(lines, []);
    assert.match(data["full_backup_age"]![0]!, /^108\d\ds$/);
    assert.deepEqual(data["full_backup_age"]!.slice(1), ["72000", "86400", "0"]);
    assert.equal(data["db_duration"]![0], "1.500s");
    assert.equal(data["files_size"]![0], "2048B");
    assert.equal(data["check_age"]![2], String(12 * 3600));
  });

  test("the age decides where limits are given; a stale engine is a WARNING at least", async () => {
    await fullBackup(ownFqdn, 21);
    assert.equal((await plugin("-w", "20h", "-c", "1d")).code, 1);
    assert.equal((await plugin("-w", "10h", "-c", "20h")).code, 2);
    assert.equal((await plugin("-w", "22h")).code, 0);
    await pool.query(
      "select backup_awareness.set_required_scopes($1, '{db,files}', '{1,1}', 'test', now() + interval '4 hours')",
      [ownFqdn],
    );
    await pool.query("update engine set own_stale_at = now() - interval '1 hour' where fqdn = $1", [ownFqdn]);
    assert.equal((await plugin("-c", "30d")).code, 1);
    assert.equal((await plugin("-w", "30d")).code, 2);
  });

  test("a run that failed since is a WARNING, and so is one that is stalled", async () => {
    await fullBackup(ownFqdn, 5);
    await report(ownFqdn, "db", "failed", hoursAgo(2));
    const failed = await plugin();
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /^BACKUP WARNING - host\.example\.com: db failed 2 hours ago \|/);
    await report(ownFqdn, "db", "completed", hoursAgo(1));
    assert.equal((await plugin()).code, 0);
    await report(ownFqdn, "files", "started", hoursAgo(4));
    await pool.query("update engine_scope set stalled = true where scope = 'files'");
    assert.match((await plugin()).stdout, /WARNING - host\.example\.com: files is stalled, it began 4 hours ago/);
  });
});

describe("many engines", () => {
  test("are one line with counts, and a line for each that is in trouble, the worst first", async () => {
    await fullBackup(ownFqdn, 1);
    await fullBackup("old.example.com", 30);
    await report("none|evil.example.com", "db", "completed", hoursAgo(1));
    const outcome = await plugin();
    assert.equal(outcome.code, 2);
    const { first, data, lines } = parse(outcome);
    assert.match(
      first,
      /^BACKUP CRITICAL - 2 of 3 engines: none¦evil\.example\.com: .*; old\.example\.com: full backup 30 hours ago$/,
    );
    assert.equal(lines.length, 2);
    assert.equal(data["fresh"]!.join(";"), "1;;;0;3");
    assert.equal(data["stale"]![0], "1");
    assert.equal(data["no_full_backup"]![0], "1");
    assert.match(data["oldest_full_backup_age"]![0]!, /^1080\d\ds$/);
  });

  test("an engine that nobody knows is UNKNOWN", async () => {
    const outcome = await plugin("--engine", "nobody.example.com");
    assert.equal(outcome.code, 3);
    assert.match(outcome.stdout, /^BACKUP UNKNOWN - there is no engine "nobody\.example\.com"/);
  });

  test("the counts and the engines that are looked at are those of the states that every surface shows", async () => {
    await pool.query(
      `insert into engine (fqdn, added_at, since_at, noted_state, full_backup_at, default_oldest_at, own_stale_at)
       select 'e' || i, now(), now(), 'new', f, case when i % 3 <> 1 then f end, case when i % 3 > 0 then now() + make_interval(hours => i - 60) end
       from (select i, case when i % 5 > 0 then now() - make_interval(hours => i) end as f from generate_series(1, 120) i) r`,
    );
    await pool.query("update engine set default_oldest_at = null, own_stale_at = null where full_backup_at is null");
    const { rows } = await pool.query<{ fqdn: string; state: string }>(
      "select fqdn, state from engine_status(null) order by (state <> 'no_full_backup'), case when state = 'no_full_backup' then null else stale_at end, fqdn",
    );
    const counts = await countEngines(pool);
    for (const state of ["no_full_backup", "stale", "fresh"] as const)
      assert.equal(counts[state], rows.filter((row) => row.state === state).length, state);
    assert.equal(counts.total, 121);
    const { engines, isWhole } = await readFleet(pool, { fqdns: null, mostEngines: 100, worst: 3 });
    assert.equal(isWhole, false);
    const oldest = await pool.query<{ fqdn: string }>("select fqdn from engine order by full_backup_at limit 3");
    const names = engines.map(({ fqdn }) => fqdn);
    for (const { fqdn } of [...rows.slice(0, 3), ...oldest.rows]) assert.ok(names.includes(fqdn), fqdn);
  });
});

describe("what it cannot know is UNKNOWN", () => {
  test("a check that did not run for twice its period, whatever the backups are", async () => {
    await fullBackup(ownFqdn, 1);
    const checkedAgo = (interval: string) =>
      pool.query("update installation set checked_at = now() - $1::interval", [interval]);
    await checkedAgo("11 hours 59 minutes");
    assert.equal((await plugin()).code, 0);
    await checkedAgo("12 hours 1 minute");
    const late = await plugin();
    assert.equal(late.code, 3);
    assert.match(
      late.stdout,
      /^BACKUP UNKNOWN - the last check ran 12 hours ago .*one is due every 6 h, nobody is warned; host/,
    );
    await checkedAgo("-1 hour");
    assert.equal((await plugin()).code, 3, "a check that lies ahead");
    await pool.query("update installation set checked_at = null, installed_at = now() - interval '1 hour'");
    assert.match((await plugin()).stdout, /UNKNOWN - no check has run since it was installed/);
  });

  test("a check that is switched off is a WARNING", async () => {
    await fullBackup(ownFqdn, 1);
    await pool.query("select backup_awareness.set_option('BackupCheckPeriodInHours', '-1', 'test')");
    const outcome = await plugin();
    assert.equal(outcome.code, 1);
    assert.match(outcome.stdout, /^BACKUP WARNING - Backup Awareness is disabled/);
  });

  test("it changes nothing, and runs no check itself", async () => {
    const checkedAt = async () =>
      (await pool.query<{ at: Date }>("select checked_at as at from installation")).rows[0]!.at;
    const [former, events] = [await checkedAt(), await pool.query("select from audit_log")];
    await plugin();
    assert.deepEqual(await checkedAt(), former);
    assert.equal((await pool.query("select from audit_log")).rowCount, events.rowCount);
  });

  test("wrong usage, on stdout, where the monitoring system looks", async () => {
    for (const words of [["-w", "soon"], ["-w", "2d", "-c", "1d"], ["--criticl", "1d"], ["-t", "0s"], ["more"]]) {
      const outcome = await plugin(...words);
      assert.equal(outcome.code, 3, words.join(" "));
      assert.match(outcome.stdout, /^BACKUP UNKNOWN - ./);
    }
    const without = await callCommand(backupAwarenessProgram, ["check", "-w", "1d"], { variables: variables() });
    assert.equal(without.code, 2);
  });

  test("a database that is away, or takes connections and does not answer, within the time limit", async () => {
    const proxy = await startProxy(database.url);
    try {
      const run = () =>
        runCommand(
          "backup-awareness",
          ["check", "--nagios", "-t", "2s"],
          variables({ BACKUP_AWARENESS_DATABASE_URL: proxy.url }),
        );
      proxy.hang();
      const begunAt = performance.now();
      const hanging = await run();
      assert.equal(hanging.code, 3, hanging.stdout);
      assert.match(hanging.stdout, /^BACKUP UNKNOWN - .*no answer within 2 s/);
      assert.ok(performance.now() - begunAt < 10_000);
      await proxy.cut();
      const cut = await run();
      assert.equal(cut.code, 3, cut.stdout);
      assert.match(cut.stdout, /^BACKUP UNKNOWN - cannot reach the database at 127\.0\.0\.1/);
      assert.ok(!`${cut.stdout}${cut.stderr}`.includes(new URL(database.url).password));
    } finally {
      await proxy.close();
    }
  });

  test("a home without a database, in which it makes none", async () => {
    const outcome = await callCommand(backupAwarenessProgram, ["check", "--nagios"], {
      variables: variables({ BACKUP_AWARENESS_DATABASE_URL: "" }),
    });
    assert.equal(outcome.code, 3);
    assert.match(outcome.stdout, /^BACKUP UNKNOWN - no database is to be seen below/);
    assert.deepEqual(await readdir(home), []);
  });
});
