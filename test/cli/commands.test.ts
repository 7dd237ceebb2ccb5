import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { backupAwarenessProgram } from "../../src/cli/program.ts";
import { startProxy } from "../support/cuttable-proxy.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { callCommand, type Outcome, runCommand, startCommand } from "../support/run-command.ts";
import { testServers } from "../support/servers.ts";
import { waitUntil } from "../support/wait-until.ts";

/* One database for the file: each test uses engines of its own. */

const ownFqdn = "host.example.com";
let database: MigratedDatabase;
let pool: pg.Pool;
let home: string;

before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn });
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  home = await mkdtemp(join(tmpdir(), "commands-"));
});

after(async () => {
  await pool.end();
  await database.drop();
  await rm(home, { recursive: true, force: true });
});

function variables(more: Record<string, string> = {}): Record<string, string> {
  return {
    BACKUP_AWARENESS_HOME: home,
    BACKUP_AWARENESS_CONFIG: "",
    BACKUP_AWARENESS_FQDN: ownFqdn,
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    BACKUP_AWARENESS_SCOPES_DB_URL: "postgres://app@db.example.com/app",
    ...more,
  };
}

function call(...parameters: string[]): Promise<Outcome> {
  return callCommand(backupAwarenessProgram, parameters, { variables: variables() });
}

async function callJson<Result>(...parameters: string[]): Promise<Result> {
  const { code, stdout, stderr } = await call(...parameters, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Result;
}

async function report(
  fqdn: string,
  scope: string,
  status: "started" | "completed" | "failed",
  doneAt: Date,
  message = "ok",
  now = new Date(),
): Promise<void> {
  const record = "select backup_awareness.record_report($1, $2, $3, $4, $5, null, v_now => $6)";
  await pool.query(record, [scope, doneAt, status, message, fqdn, now]);
}

const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);

type StatusJson = {
  readonly fqdn: string;
  readonly engines: readonly {
    readonly fqdn: string;
    readonly state: string;
    readonly alerts: readonly { readonly id: number; readonly type: string; readonly dismissed_at: string | null }[];
    readonly scopes: Readonly<Record<string, Record<string, unknown>>>;
  }[];
} & Record<string, unknown>;

describe("status", () => {
  test("prints every key of the promised JSON", async () => {
    const status = await callJson<StatusJson>("status", "--engine", "HOST.example.com");
    const keys = [
      "fqdn",
      "enabled",
      "checked_at",
      "next_check_at",
      "check_overdue",
      "engines",
      "protects_only_itself",
      "archive_beside_scopes",
    ];
    assert.deepEqual(Object.keys(status), keys);
    assert.equal(status.fqdn, ownFqdn);
    const [engine] = status.engines;
    assert.equal(status.engines.length, 1);
    assert.deepEqual(Object.keys(engine!), [
      ...[
        "fqdn",
        "state",
        "since",
        "full_backup_at",
        "stale_at",
        "required_scopes",
        "required_period_days",
        "scopes",
        "alerts",
      ],
    ]);
    assert.equal(engine!.state, "no_full_backup");
    assert.deepEqual(Object.keys(engine!.scopes), ["db", "files"]);
    const scopeKeys = ["last_success_at", "last_failure_at", "last_failure_message", "running_since", "stalled"];
    assert.deepEqual(Object.keys(engine!.scopes["db"]!), scopeKeys);
    assert.equal(engine!.alerts[0]!.type, "ENGINE_NO_FULL_BACKUP");
  });

  test("shows the worst engine first, each with its state in words", async () => {
    for (const scope of ["db", "files"]) {
      await report("a-fresh.order", scope, "completed", hoursAgo(1));
      await report("b-stale.order", scope, "completed", hoursAgo(30));
    }
    await report("c-none.order", "db", "failed", hoursAgo(2), "pg_dump: error: \u001b[31mno space left\nsecond line");
    const { stdout } = await call("status", "--engine", "a-fresh.order", "b-stale.order", "c-none.order");
    const headings = stdout.split("\n").filter((line) => line.includes(".order  "));
    assert.match(
      headings[0]!,
      /^c-none\.order {2}no full backup since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(just now\)$/,
    );
    assert.match(headings[1]!, /^b-stale\.order {2}stale since .* UTC \(6 hours ago\)$/);
    assert.match(headings[2]!, /^a-fresh\.order {2}fresh since .* UTC \(just now\)$/);
    assert.match(stdout, /last failure 2 hours ago \(.* UTC\): pg_dump: error: �\[31mno space left$/m);
    assert.match(stdout, /full backup {2}30 hours ago \(.*\); went stale 6 hours ago \(/);
    assert.match(stdout, /full backup {2}1 hour ago \(.*\); goes stale in 23 hours \(/);
    assert.match(stdout, /^3 engines: 1 no full backup, 1 stale, 1 fresh\.$/m);
    assert.doesNotMatch(stdout, /\u001b/);
  });

  test("says what runs, and what is stalled", async () => {
    await report("runs.status", "db", "started", hoursAgo(1));
    await report("runs.status", "files", "started", hoursAgo(25));
    await call("check");
    const { stdout } = await call("status", "--engine", "runs.status");
    assert.match(stdout, /running since .* UTC \(1 hour ago\)$/m);
    assert.match(stdout, /STALLED: running since .* UTC \(25 hours ago\)$/m);
    assert.match(stdout, /alert \d+ +ENGINE_BACKUP_STALLED of files, raised just now/);
  });

  test("says so when only Backup Awareness itself is protected", async () => {
    const without = {
      BACKUP_AWARENESS_HOME: home,
      BACKUP_AWARENESS_FQDN: ownFqdn,
      BACKUP_AWARENESS_DATABASE_URL: database.url,
    };
    const told = await callCommand(backupAwarenessProgram, ["status"], { variables: without });
    assert.match(told.stdout, /^Only Backup Awareness itself is protected\.$/m);
    const named = await call("status");
    assert.doesNotMatch(named.stdout, /itself is protected/);
  });

  test("says loudly that the check is overdue", async () => {
    await pool.query("update backup_awareness.installation set checked_at = now() - interval '2 days'");
    const { stdout } = await call("status", "--engine", ownFqdn);
    assert.match(stdout, /THE CHECK IS OVERDUE since .* UTC/);
    await call("check");
    assert.doesNotMatch((await call("status", "--engine", ownFqdn)).stdout, /OVERDUE/);
  });

  test("refuses an engine that is not known", async () => {
    const { code, stdout, stderr } = await call("status", "--engine", "misspelt.example.com");
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^error: there is no engine "misspelt\.example\.com"\nhint: /);
  });
});

describe("check", () => {
  test("tells what it raised and cleared, and nothing the second time", async () => {
    for (const scope of ["db", "files"])
      await report("turns.check", scope, "completed", hoursAgo(72), "ok", hoursAgo(72));
    const first = await callJson<{ checked_at: string; raised: { type: string; fqdn: string }[]; cleared: unknown[] }>(
      "check",
    );
    assert.deepEqual(
      first.raised.map(({ type, fqdn }) => [type, fqdn]),
      [["ENGINE_NO_WARM_BACKUP", "turns.check"]],
    );
    assert.ok(Math.abs(Date.parse(first.checked_at) - Date.now()) < 60_000);
    const second = await call("check");
    assert.equal(second.code, 0);
    assert.match(second.stdout, /^Checked at .* UTC: nothing changed\.\n$/);
  });
});

type EventJson = {
  id: number;
  log_time: string;
  type: string;
  code: number;
  severity: string;
  fqdn: string;
  scope: string;
  message: string;
};

async function eventsOf(...parameters: string[]): Promise<EventJson[]> {
  const { code, stdout, stderr } = await call("events", "--json", ...parameters);
  assert.equal(code, 0, stderr);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as EventJson);
}

describe("events", () => {
  before(async () => {
    await report("x.events", "db", "started", hoursAgo(2));
    await report("x.events", "db", "failed", hoursAgo(1), "the Disk is full");
    await report("x.events", "files", "completed", hoursAgo(1));
  });

  test("prints one object a line with the promised keys", async () => {
    const [event] = await eventsOf("--engine", "X.events", "--type", "ENGINE_BACKUP_FAILED");
    assert.deepEqual(Object.keys(event!), ["id", "log_time", "type", "code", "severity", "fqdn", "scope", "message"]);
    assert.deepEqual(
      [event!.type, event!.code, event!.severity, event!.fqdn, event!.scope],
      ["ENGINE_BACKUP_FAILED", 9026, "error", "x.events", "db"],
    );
  });

  test("filters by type (name or code, several), severity, scope, time and text", async () => {
    const types = async (...filter: string[]) =>
      (await eventsOf("--engine", "x.events", ...filter)).map(({ type }) => type);
    assert.deepEqual(await types("--type", "9024", "engine_backup_completed"), [
      "ENGINE_BACKUP_STARTED",
      "ENGINE_BACKUP_COMPLETED",
    ]);
    assert.deepEqual(await types("--severity", "error"), ["ENGINE_NO_FULL_BACKUP", "ENGINE_BACKUP_FAILED"]);
    assert.deepEqual(await types("--scope", "files"), ["ENGINE_BACKUP_COMPLETED"]);
    assert.deepEqual(await types("--text", "disk IS full"), ["ENGINE_BACKUP_FAILED"]);
    assert.deepEqual(await types("--text", "100%' or 1=1 --"), []);
    assert.equal((await types("--since", "1h")).length, 5);
    assert.deepEqual(await types("--until", "1h"), []);
    assert.deepEqual(await types("--since", "2999-01-01T00:00:00Z"), []);
    assert.equal((await types("--limit", "2")).length, 2);
  });

  test("prints the newest, the oldest of them first", async () => {
    const ids = (await eventsOf("--engine", "x.events", "--limit", "3")).map(({ id }) => id);
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => a - b),
    );
    assert.equal(ids.at(-1), (await eventsOf("--engine", "x.events")).at(-1)!.id);
  });

  test("says in words that there is none, but never on stdout", async () => {
    const { code, stdout, stderr } = await call("events", "--engine", "nobody.events");
    assert.deepEqual([code, stdout, stderr], [0, "", "no such event\n"]);
  });

  test("are followed until Ctrl-C, which is no failure", async (context) => {
    const following = startCommand(
      "backup-awareness",
      ["events", "--follow", "--json", "--limit", "1", "--engine", "x.events"],
      variables(),
    );
    context.after(() => following.child.kill("SIGKILL"));
    await waitUntil("an event", () => following.written().stdout.includes("\n"));
    await report("x.events", "db", "completed", new Date(), "after all");
    await waitUntil("ENGINE_FULL_BACKUP_AVAILABLE", () =>
      following.written().stdout.includes("ENGINE_FULL_BACKUP_AVAILABLE"),
    );
    following.child.kill("SIGINT");
    const { code, stdout, stderr } = await following.outcome();
    assert.deepEqual([code, stderr], [0, ""]);
    const types = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as EventJson).type);
    assert.deepEqual(types.slice(1).sort(), ["ENGINE_BACKUP_COMPLETED", "ENGINE_FULL_BACKUP_AVAILABLE"]);
  });

  test("are followed across an outage of the database, which is said once", async (context) => {
    const way = await startProxy(database.url);
    const following = startCommand(
      "backup-awareness",
      ["events", "--follow", "--json", "--engine", "cut.events"],
      variables({ BACKUP_AWARENESS_DATABASE_URL: way.url }),
    );
    context.after(() => following.child.kill("SIGKILL"));
    await report("cut.events", "db", "completed", hoursAgo(1));
    await waitUntil("ENGINE_BACKUP_COMPLETED", () => following.written().stdout.includes("ENGINE_BACKUP_COMPLETED"));
    await way.cut();
    await waitUntil("the outage is told", () => following.written().stderr !== "");
    await report("cut.events", "files", "completed", hoursAgo(1));
    await delay(1_500);
    assert.doesNotMatch(following.written().stdout, /ENGINE_FULL_BACKUP_AVAILABLE/);
    await way.restore();
    await waitUntil("ENGINE_FULL_BACKUP_AVAILABLE", () =>
      following.written().stdout.includes("ENGINE_FULL_BACKUP_AVAILABLE"),
    );
    following.child.kill("SIGTERM");
    const { code, stdout, stderr } = await following.outcome();
    await way.close();
    assert.equal(code, 0);
    assert.equal(stderr, "the database does not answer; waiting for it\nthe database answers again\n");
    const ids = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as EventJson).id);
    assert.equal(new Set(ids).size, ids.length, "each event once");
    assert.equal(ids.length, (await eventsOf("--engine", "cut.events")).length);
  });
});

describe("alerts", () => {
  async function openAlert(fqdn: string): Promise<number> {
    await call("engines", "add", fqdn);
    const status = await callJson<StatusJson>("status", "--engine", fqdn);
    return status.engines[0]!.alerts[0]!.id;
  }

  test("are listed until they are dismissed, and then with --all", async () => {
    const id = await openAlert("a.alerts");
    const ids = async (...parameters: string[]) =>
      (await callJson<{ id: number }[]>("alerts", ...parameters)).map((alert) => alert.id);
    assert.ok((await ids()).includes(id));
    const dismissed = await call("alerts", "dismiss", String(id), "--note", "moves on Friday");
    assert.equal(dismissed.code, 0);
    assert.match(dismissed.stderr, /is dismissed; it stays open until its cause is gone/);
    assert.ok(!(await ids()).includes(id));
    assert.ok((await ids("--all")).includes(id));
    const [event] = await eventsOf("--type", "ENGINE_ALERT_DISMISSED", "--engine", "a.alerts");
    assert.match(event!.message, /^ann@host via test dismissed .*: moves on Friday\.$/);
    assert.match((await call("status", "--engine", "a.alerts")).stdout, /alert \d+ .*, dismissed just now/);
    assert.match((await call("alerts", "dismiss", String(id))).stderr, /was dismissed already/);
  });

  test("are dismissed all or none", async () => {
    const id = await openAlert("b.alerts");
    const { code, stderr } = await call("alerts", "dismiss", String(id), "999999999");
    assert.equal(code, 1);
    assert.match(stderr, /there is no open alert 999999999\nhint: .*nothing was dismissed/);
    const alerts = await callJson<{ id: number; dismissed_at: string | null }[]>("alerts");
    assert.equal(alerts.find((alert) => alert.id === id)?.dismissed_at, null);
  });

  test("that are cleared cannot be dismissed", async () => {
    const id = await openAlert("c.alerts");
    for (const scope of ["db", "files"]) await report("c.alerts", scope, "completed", new Date());
    const { code, stderr } = await call("alerts", "dismiss", String(id));
    assert.equal(code, 1);
    assert.match(stderr, /is not open any more/);
  });

  test("have numbers", async () => {
    assert.equal((await call("alerts", "dismiss", "first")).code, 2);
    assert.equal((await call("alerts", "dismiss")).code, 2);
  });
});

type EngineJson = {
  fqdn: string;
  state: string;
  required_scopes: string[];
  required_period_days: Record<string, number | null>;
};

describe("engines", () => {
  const listed = async (fqdn: string) =>
    (await callJson<EngineJson[]>("engines", "list")).find((engine) => engine.fqdn === fqdn);

  test("are added by name, once, in lower case", async () => {
    const first = await call("engines", "add", "New.Engines");
    assert.deepEqual([first.code, first.stderr], [0, "engine new.engines is watched from now on\n"]);
    assert.equal((await listed("new.engines"))?.state, "no_full_backup");
    assert.match((await call("engines", "add", "new.engines")).stderr, /was known already/);
    assert.match((await call("engines", "list")).stdout, /^new\.engines +no_full_backup +db files$/m);
  });

  test("may require scopes with periods of their own, which takes effect at once", async () => {
    await call("engines", "add", "own.engines", "--require", "db=2w");
    assert.deepEqual((await listed("own.engines"))?.required_period_days, { db: 14 });
    await report("own.engines", "db", "completed", hoursAgo(72));
    assert.equal((await listed("own.engines"))?.state, "fresh");
    const set = await call("engines", "set", "OWN.engines", "--require", "db=1d", "--require", "grafanadb");
    assert.deepEqual([set.code, set.stderr], [0, "a full backup of own.engines must cover db=1d grafanadb\n"]);
    assert.deepEqual((await listed("own.engines"))?.required_period_days, { db: 1, grafanadb: null });
    assert.equal((await listed("own.engines"))?.state, "no_full_backup");
    await call("engines", "set", "own.engines", "--require-default");
    assert.deepEqual((await listed("own.engines"))?.required_scopes, ["db", "files"]);
  });

  test("are set with a clear error where the words are wrong", async () => {
    const wrong = await call("engines", "set", "own.engines", "--require", "db=1h");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /argument 'db=1h' is invalid\. "1h" is not a period: whole days or weeks/);
    assert.equal((await call("engines", "set", "own.engines")).code, 2);
    assert.equal((await call("engines", "set", "own.engines", "--require", "db", "--require-default")).code, 2);
    const unknown = await call("engines", "set", "missing.engines", "--require", "db");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /missing\.engines/);
  });

  test("refuse a name that no engine can have", async () => {
    const { code, stderr } = await call("engines", "add", "two\nlines");
    assert.equal(code, 1);
    assert.match(stderr, /^error: argument v_fqdn: "two\\nlines" has a control character\n/);
    assert.equal((await call("engines", "add", "x".repeat(256))).code, 1);
  });

  test("are removed, with their alerts", async () => {
    await call("engines", "add", "gone.engines");
    assert.equal((await call("engines", "remove", "Gone.engines")).code, 0);
    assert.equal(await listed("gone.engines"), undefined);
    const alerts = await callJson<{ fqdn: string }[]>("alerts", "--all");
    assert.ok(!alerts.some(({ fqdn }) => fqdn === "gone.engines"));
    assert.equal((await call("engines", "remove", "gone.engines")).code, 1);
  });
});

describe("a disabled feature", () => {
  test("is said loudly", async () => {
    await pool.query("select backup_awareness.set_option('BackupCheckPeriodInHours', '-1', 'test')");
    try {
      const { stdout } = await call("status", "--engine", ownFqdn);
      assert.match(stdout, /BACKUP AWARENESS IS DISABLED/);
      assert.match(stdout, /disabled since/);
      assert.match((await call("check")).stdout, /BACKUP AWARENESS IS DISABLED/);
    } finally {
      await pool.query("select backup_awareness.set_option('BackupCheckPeriodInHours', null, 'test')");
    }
  });
});

describe("as a process", () => {
  test("prints no colour into a pipe, and no password anywhere", async () => {
    const password = new URL(database.url).password;
    const outcomes = [
      await runCommand("backup-awareness", ["status"], variables()),
      await runCommand("backup-awareness", ["database", "status"], variables({ BACKUP_AWARENESS_DEBUG: "1" })),
      await runCommand("backup-awareness", ["database", "url"], variables()),
    ];
    for (const { code, stdout, stderr } of outcomes) {
      assert.equal(code, 0, stderr);
      assert.ok(!`${stdout}${stderr}`.includes(password));
      assert.doesNotMatch(stdout, /\u001b/);
    }
  });
});
