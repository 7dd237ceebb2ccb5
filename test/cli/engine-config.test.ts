import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import pg from "pg";
import { engineConfigProgram } from "../../src/cli/engine-config-program.ts";
import { optionDefinitions } from "../../src/contract/option.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { callCommand, type Outcome, runCommand } from "../support/run-command.ts";
import { testServers } from "../support/servers.ts";

let database: MigratedDatabase;
let pool: pg.Pool;
let home: string;

before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "host.example.com" });
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
  home = await mkdtemp(join(tmpdir(), "engine-config-"));
});

after(async () => {
  await pool.end();
  await database.drop();
  await rm(home, { recursive: true, force: true });
});

beforeEach(async () => {
  for (const { name } of optionDefinitions)
    await pool.query("select backup_awareness.set_option($1, null, 'test')", [name]);
});

const variables = (): Record<string, string> => ({
  BACKUP_AWARENESS_HOME: home,
  BACKUP_AWARENESS_FQDN: "host.example.com",
  BACKUP_AWARENESS_DATABASE_URL: database.url,
});

function call(...parameters: string[]): Promise<Outcome> {
  return callCommand(engineConfigProgram, parameters, {
    variables: variables(),
    actor: "alice (sudo)@host via engine-config",
  });
}

async function lastEvents(count: number): Promise<string[]> {
  const { rows } = await pool.query<{ message: string }>(
    "select message from backup_awareness.audit_log order by id desc limit $1",
    [count],
  );
  return rows.map(({ message }) => message).reverse();
}

describe("reading", () => {
  test("-g prints the value and nothing else", async () => {
    assert.deepEqual(await call("-g", "BackupAlertPeriodInDays"), { code: 0, stdout: "1\n", stderr: "" });
    assert.equal((await call("--get=BackupFullScopes")).stdout, "db,files\n");
    assert.equal((await call("-g", "BackupExcludedTables")).stdout, "\n");
  });

  test("-g --json prints name, value, default and type", async () => {
    await call("-s", "BackupFullScopes=db");
    const option = JSON.parse((await call("-g", "BackupFullScopes", "--json")).stdout) as Record<string, unknown>;
    assert.deepEqual(Object.keys(option).slice(0, 4), ["name", "value", "default", "type"]);
    assert.deepEqual([option["value"], option["default"], option["type"]], [["db"], ["db", "files"], "scopes"]);
    const period = JSON.parse((await call("-g", "BackupCheckPeriodInHours", "--json")).stdout) as Record<
      string,
      unknown
    >;
    assert.deepEqual([period["value"], period["type"]], [6, "integer"]);
  });

  test("-a prints every option, --only-changed those that differ from their default", async () => {
    const all = (await call("-a")).stdout.trimEnd().split("\n");
    assert.deepEqual(
      all.map((line) => line.split(":")[0]),
      optionDefinitions.map(({ name }) => name),
    );
    assert.equal((await call("--only-changed")).stdout, "");
    await call("-s", "BackupAlertPeriodInDays=3");
    await call("-s", "BackupStalledAfterHours=24");
    assert.equal((await call("--only-changed")).stdout, "BackupAlertPeriodInDays: 3\n");
    assert.equal((JSON.parse((await call("-a", "--only-changed", "--json")).stdout) as unknown[]).length, 1);
  });

  test("-l needs no database, and shows type, range, default and meaning", async () => {
    const { code, stdout } = await callCommand(engineConfigProgram, ["-l"], {
      variables: { BACKUP_AWARENESS_HOME: home, BACKUP_AWARENESS_DATABASE_URL: "postgres://127.0.0.1:1/none" },
    });
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^BackupCheckPeriodInHours\n {4}How often .*\n {4}a whole number from 1 to 8760, or -1; default: 6$/m,
    );
    const listed = JSON.parse((await call("-l", "--json")).stdout) as { name: string; minimum?: number }[];
    assert.deepEqual([listed.length, listed[0]?.minimum], [optionDefinitions.length, 1]);
  });
});

describe("setting", () => {
  test("takes effect at once, and the events say who did it and what it was", async () => {
    const { code, stdout, stderr } = await call("-s", "BackupAlertPeriodInDays=3");
    assert.deepEqual([code, stdout, stderr], [0, "", "BackupAlertPeriodInDays is 3 now; it was 1\n"]);
    assert.equal((await call("-g", "BackupAlertPeriodInDays")).stdout, "3\n");
    assert.deepEqual(await lastEvents(1), [
      "alice (sudo)@host via engine-config set BackupAlertPeriodInDays to 3; it was 1.",
    ]);
  });

  test("what it is already says so and is no event", async () => {
    await call("--set=BackupAlertPeriodInDays=3");
    const events = await lastEvents(1);
    assert.equal((await call("--set=BackupAlertPeriodInDays=3")).stderr, "BackupAlertPeriodInDays is 3 already\n");
    assert.deepEqual(await lastEvents(1), events);
  });

  test("BackupCheckPeriodInHours=-1 clears what is open and says so; setting it back warns again at once", async () => {
    await call("-s", "BackupCheckPeriodInHours=-1");
    const told = (await lastEvents(3)).join("\n");
    assert.match(told, /disabled Backup Awareness/);
    assert.match(told, /ENGINE_NO_FULL_BACKUP of engine host\.example\.com is cleared: the feature is disabled/);
    await call("--reset", "BackupCheckPeriodInHours");
    assert.match((await lastEvents(1)).join(), /There is no full backup of engine host\.example\.com/);
  });

  test("keeps a comma that stands in double quotes", async () => {
    await call("-s", 'BackupExcludedTables=public."a,b", audit_*');
    const { rows } = await pool.query<{ value: unknown }>(
      "select value from backup_awareness.option where name = 'BackupExcludedTables'",
    );
    assert.deepEqual(rows[0]?.value, ['public."a,b"', "audit_*"]);
    assert.equal((await call("-g", "BackupExcludedTables")).stdout, 'public."a,b",audit_*\n');
    assert.equal((await call("-s", "BackupExcludedTables=")).code, 0);
  });

  test("an unknown key names it and the one that was probably meant, and changes nothing", async () => {
    for (const key of ["BackupAlertPeriodDays", "BackupAlert", "backupalertperiodindays", "BackupAlertPreiodInDays"]) {
      const { code, stderr } = await call("-s", `${key}=3`);
      assert.equal(code, 1);
      assert.equal(stderr, `error: there is no option "${key}"\nhint: did you mean BackupAlertPeriodInDays?\n`);
    }
    assert.match((await call("-g", "x")).stderr, /there is no option "x"\nhint: engine-config -l lists them/);
    assert.equal((await call("--only-changed")).stdout, "");
  });

  test("a bad value names key, value and allowed range, and changes nothing", async () => {
    const { code, stderr } = await call("-s", "BackupAlertPeriodInDays=0");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^error: option BackupAlertPeriodInDays: "0" is not a whole number from 1 to 3650\nhint: nothing was changed\n$/,
    );
    assert.equal((await call("-s", "BackupFullScopes=")).code, 1);
    assert.equal((await call("--only-changed")).stdout, "");
  });
});

describe("wrong usage", () => {
  test("ends with 2 and changes nothing", async () => {
    for (const parameters of [
      [],
      ["--json"],
      ["-l", "-a"],
      ["-g", "BackupFullScopes", "-s", "BackupAlertPeriodInDays=3"],
      ["-s", "BackupAlertPeriodInDays=3", "-s", "BackupStalledAfterHours=3"],
      ["-s", "BackupAlertPeriodInDays"],
      ["-s", "BackupAlertPeriodInDays=3", "--only-changed"],
      ["-g"],
      ["--unknown"],
      ["BackupAlertPeriodInDays"],
    ]) {
      const { code, stdout, stderr } = await call(...parameters);
      assert.deepEqual([code, stdout], [2, ""], parameters.join(" "));
      assert.match(stderr, /^error: /, parameters.join(" "));
    }
    assert.equal((await call("--only-changed")).stdout, "");
  });
});

test("as a process, says who called sudo", async () => {
  const { code, stderr } = await runCommand("engine-config", ["-s", "BackupStalledAfterHours=48"], {
    ...variables(),
    SUDO_USER: "alice",
  });
  assert.equal(code, 0, stderr);
  assert.match(
    (await lastEvents(1)).join(),
    /^alice \(sudo\)@\S+ via engine-config set BackupStalledAfterHours to 48; it was 24\.$/,
  );
});
