import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { pino } from "pino";
import { tokenKinds } from "../../src/contract/api/permissions.ts";
import { openPool } from "../../src/database/open-pool.ts";
import { buildMetricsServer } from "../../src/server/metrics/metrics-server.ts";
import { scraper } from "../../src/server/metrics/scrape.ts";
import { startProxy } from "../support/cuttable-proxy.ts";
import { findMonitoringProgram } from "../support/monitoring-programs.ts";
import { type ApiFixture, ownFqdn, startApi } from "./api/api-fixture.ts";

let fixture: ApiFixture;
let superuser: pg.Pool;

before(async () => {
  fixture = await startApi();
  superuser = new pg.Pool({ connectionString: fixture.superuserUrl, max: 1 });
});
after(async () => {
  await superuser.end();
  await fixture.close();
});

async function ask(token: string | null) {
  return fixture.server.inject({
    url: "/metrics",
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });
}

/** The samples by name and labels, as they stand in the text. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const answer = await ask(fixture.tokens.read);
  assert.equal(answer.statusCode, 200, answer.body);
  return samplesOf(answer.body);
}

function samplesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, key = "", value = ""] = /^backup_awareness_(.*) (\S+)$/.exec(line) ?? [];
      return [key, Number(value)];
    }),
  );
}

async function report(fqdn: string, scope: string, status: string, at: Date): Promise<void> {
  await fixture.pool.query(
    "select backup_awareness.record_report($1, $2, $3, 'said', $4, null, v_duration_ms => 1500, v_size_bytes => 2048)",
    [scope, at, status, fqdn],
  );
}

const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);

describe("who may scrape", () => {
  test("a token that may read, on the daemon's own address; nobody else", async () => {
    for (const kind of tokenKinds) {
      const { statusCode, headers } = await ask(fixture.tokens[kind]);
      assert.equal(statusCode, kind === "report" ? 403 : 200, kind);
      assert.equal(headers["cache-control"], "no-store");
    }
    assert.equal((await ask(null)).statusCode, 401);
    assert.equal((await ask("ba_read_wrong")).statusCode, 401);
  });

  test("everybody on the address that is for metrics alone, where nothing else is", async () => {
    const server = buildMetricsServer(() => Promise.resolve("backup_awareness_up 1\n"));
    const answer = await server.inject("/metrics");
    assert.equal(answer.statusCode, 200);
    assert.match(String(answer.headers["content-type"]), /^text\/plain; version=0\.0\.4/);
    for (const url of ["/health", "/api/v1/summary", "/"]) assert.equal((await server.inject(url)).statusCode, 404);
    await server.close();
  });
});

describe("what is told", () => {
  const engine = `{engine="${ownFqdn}"}`;
  const scope = (name: string) => `{engine="${ownFqdn}",scope="${name}"}`;

  test("of an engine without a full backup: that it has none, no age, and the open alert", async () => {
    await fixture.pool.query("select backup_awareness.run_check()");
    const samples = await scrape();
    assert.equal(samples.get("up"), 1);
    assert.equal(samples.get(`engine_has_full_backup${engine}`), 0);
    assert.equal(samples.get(`engine_fresh${engine}`), 0);
    assert.equal(samples.has(`engine_full_backup_age_seconds${engine}`), false);
    assert.equal(samples.get('engines{state="no_full_backup"}'), 1);
    assert.equal(samples.get('alerts_open{type="ENGINE_NO_FULL_BACKUP",dismissed="false"}'), 1);
    assert.equal(samples.get('alerts_open{type="ENGINE_BACKUP_STALLED",dismissed="false"}'), 0);
  });

  test("of an engine with one: times, age, duration and size, in seconds and bytes", async () => {
    const [completed, failed] = [hoursAgo(3), hoursAgo(1)];
    await report(ownFqdn, "db", "completed", completed);
    await report(ownFqdn, "files", "completed", completed);
    await report(ownFqdn, "db", "failed", failed);
    await report(ownFqdn, "files", "started", hoursAgo(0.5));
    const samples = await scrape();
    assert.equal(samples.get(`engine_fresh${engine}`), 1);
    const age = samples.get(`engine_full_backup_age_seconds${engine}`)!;
    assert.ok(age >= 10_800 && age < 10_900, String(age));
    assert.equal(samples.get(`engine_full_backup_timestamp_seconds${engine}`), completed.getTime() / 1000);
    assert.equal(samples.get(`engine_stale_timestamp_seconds${engine}`), completed.getTime() / 1000 + 86_400);
    assert.equal(samples.get(`backup_last_success_timestamp_seconds${scope("db")}`), completed.getTime() / 1000);
    assert.equal(samples.get(`backup_last_failure_timestamp_seconds${scope("db")}`), failed.getTime() / 1000);
    assert.equal(samples.get(`backup_last_duration_seconds${scope("db")}`), 1.5);
    assert.equal(samples.get(`backup_last_size_bytes${scope("db")}`), 2048);
    assert.equal(samples.get(`backup_running${scope("db")}`), 0);
    assert.equal(samples.get(`backup_running${scope("files")}`), 1);
    assert.equal(samples.get('engines{state="fresh"}'), 1);
  });

  test("of the check and the queue", async () => {
    const samples = await scrape();
    const checkedAt = samples.get("last_check_timestamp_seconds")!;
    assert.ok(Math.abs(checkedAt - Date.now() / 1000) < 60);
    assert.ok(samples.get("last_check_duration_seconds")! > 0);
    assert.equal(samples.get("check_period_seconds"), 21_600);
    assert.equal(samples.get("check_overdue"), 0);
    assert.equal(samples.get("enabled"), 1);
    assert.equal(samples.get('jobs_due{task="check"}'), 0);
    assert.ok([...samples.keys()].some((key) => key.startsWith('build_info{version="0.1.0",node_version="')));
  });

  test("of a channel: what waits for it, what was given up, and how often it has failed", async () => {
    await superuser.query(
      `insert into channel (name, kind, config, grouping, added_at, added_by, failures) values ('ops', 'webhook', '{}', 'list', now(), 'test', 7)`,
    );
    await superuser.query(
      `insert into notification (channel_id, kind, event_id, queued_at, due_at, state)
       select c.id, 'event', 1, q, d, s from channel c,
         (values (now(), now(), 'queued'), (now(), now() + interval '1 hour', 'queued'), (now(), now(), 'failed'),
                 (now() - interval '2 days', now(), 'failed'), (now(), now(), 'accepted')) v(q, d, s)`,
    );
    const samples = await scrape();
    const labels = '{channel="ops",kind="webhook"}';
    assert.equal(samples.get(`notifications_waiting${labels}`), 1);
    assert.equal(samples.get(`notifications_given_up${labels}`), 1);
    assert.equal(samples.get(`channel_failures${labels}`), 7);
    assert.equal(samples.has(`channel_last_accepted_timestamp_seconds${labels}`), false);
  });

  test("a name with quotes and backslashes stays one label; an engine that is removed leaves no series", async () => {
    await report('od"d\\name', "db", "completed", hoursAgo(1));
    assert.equal((await scrape()).get('engine_has_full_backup{engine="od\\"d\\\\name"}'), 0);
    await fixture.pool.query("select backup_awareness.remove_engine($1, 'test')", ['od"d\\name']);
    assert.ok(![...(await scrape()).keys()].some((key) => key.includes('od\\"d')));
  });

  const promtool = findMonitoringProgram("promtool");
  test(
    "promtool finds nothing to blame in names, units and help",
    { skip: promtool === null ? "no promtool" : false },
    async () => {
      const { body } = await ask(fixture.tokens.read);
      const { status, stdout, stderr } = spawnSync(promtool!.file, ["check", "metrics"], {
        input: body,
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout + stderr);
      assert.equal(stderr.trim(), "");
    },
  );
});

test("beyond metrics.max_engines, the totals are of all and the series of the worst hundred", async () => {
  await superuser.query(
    `insert into engine (fqdn, added_at, since_at, noted_state, full_backup_at, default_oldest_at)
     select 'fleet' || lpad(i::text, 3, '0'), now(), now(), 'fresh', t, t
     from (select i, now() - make_interval(mins => i * 10) as t from generate_series(1, 200) i) r`,
  );
  try {
    const samples = await scrape();
    assert.equal(samples.get("engine_series_limited"), 1);
    const sum = ["fresh", "stale", "no_full_backup"].map((state) => samples.get(`engines{state="${state}"}`)!);
    assert.equal(
      sum.reduce((a, b) => a + b),
      201,
    );
    assert.ok(sum[1]! > 50);
    const shown = [...samples.keys()].filter((key) => key.startsWith("engine_fresh{"));
    assert.equal(shown.length, 100);
    assert.ok(shown.includes('engine_fresh{engine="fleet200"}') && !shown.includes('engine_fresh{engine="fleet001"}'));
  } finally {
    await superuser.query("delete from engine where fqdn like 'fleet%'");
  }
});

test("a database that hangs or is away is `up 0` within ten seconds, and scrapers that come together read once", async () => {
  const proxy = await startProxy(fixture.superuserUrl);
  const pool = openPool({
    url: proxy.url,
    password: () => Promise.resolve(decodeURIComponent(new URL(proxy.url).password)),
    role: "daemon",
    applicationName: "metrics test",
    maxConnections: 2,
    plain: true,
    onIdleError: () => undefined,
  });
  let asked = 0;
  const read = scraper({
    pool: () => {
      asked++;
      return pool;
    },
    mostEngines: 5,
    build: { version: "0.1.0", nodeVersion: "24" },
    logger: pino({ level: "silent" }),
  });
  try {
    const [one, other] = await Promise.all([read(), read()]);
    assert.equal(one, other);
    assert.equal(asked, 1);
    assert.equal(samplesOf(one).get("up"), 1);
    proxy.hang();
    const begunAt = performance.now();
    const hanging = await read();
    assert.ok(performance.now() - begunAt < 10_000);
    assert.deepEqual([...samplesOf(hanging)], [["up", 0]]);
    await proxy.cut();
    assert.deepEqual([...samplesOf(await read())], [["up", 0]]);
  } finally {
    await proxy.close();
    await pool.end();
  }
});
