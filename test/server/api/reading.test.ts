import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { ApiProblem } from "../../../src/contract/api/client.ts";
import type { EngineItem } from "../../../src/contract/api/engine-schemas.ts";
import type { Query } from "../../../src/contract/api/routes.ts";
import { setOption } from "../../../src/database/options.ts";
import { addEngine, setRequiredScopes } from "../../../src/database/engines.ts";
import { recordReport } from "../../../src/database/record-report.ts";
import { dismissAlert } from "../../../src/database/alerts.ts";
import { type ApiFixture, ownFqdn, startApi } from "./api-fixture.ts";

const hourMs = 3_600_000;
let fixture: ApiFixture;
const begunAt = Date.now();

/** When something happened so many hours ago. */
const ago = (hours: number) => new Date(begunAt - hours * hourMs);

async function completed(fqdn: string, scope: string, hours: number, more: object = {}): Promise<void> {
  await recordReport(fixture.pool, {
    fqdn,
    scope,
    doneAt: ago(hours),
    status: "completed",
    outputMessage: "",
    logPath: null,
    ...more,
  });
}

before(async () => {
  fixture = await startApi();
  const { pool } = fixture;
  for (let i = 0; i < 12; i++) {
    const fqdn = `db${String(i).padStart(2, "0")}.example.com`;
    await addEngine(pool, fqdn, "test");
    if (i % 4 === 0) continue; // no full backup
    await completed(fqdn, "db", i * 3);
    await completed(fqdn, "files", i * 3 - 1);
  }
  // Old, and fresh by a period of its own; and young, and stale by one.
  await setRequiredScopes(
    pool,
    "db11.example.com",
    [
      { scope: "db", periodDays: 30 },
      { scope: "files", periodDays: 7 },
    ],
    "test",
  );
  await setRequiredScopes(
    pool,
    "db09.example.com",
    [
      { scope: "db", periodDays: null },
      { scope: "files", periodDays: 2 },
    ],
    "test",
  );
  await completed("db01.example.com", "keycloak", 1);
});
after(() => fixture.close());

const names = (items: readonly EngineItem[]): string[] => items.map(({ fqdn }) => fqdn.split(".")[0] ?? "");

/** Every page, so that a page's end is seen to lose and repeat nothing. */
async function allEngines(query: Query<"GET /engines">, limit: number): Promise<EngineItem[]> {
  const items: EngineItem[] = [];
  let after: string | null = null;
  do {
    const page: { items: EngineItem[]; next: string | null } = await fixture
      .api("read")
      .call("GET /engines", { query: { ...query, limit, ...(after === null ? {} : { after }) } });
    assert.ok(page.items.length <= limit);
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return items;
}

test("engines come by name, by age and by state, forwards and backwards, whatever the size of a page", async () => {
  const everything = await allEngines({ sort: "name" }, 500);
  assert.equal(everything.length, 13);
  const by = (key: (engine: EngineItem) => string) => everything.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  const expected = {
    name: by(({ fqdn }) => fqdn),
    age: by(({ full_backup_at, fqdn }) => `${full_backup_at ?? ""} ${fqdn}`),
    state: by(({ stale_at, fqdn }) => `${stale_at ?? ""} ${fqdn}`),
  };
  for (const [order, engines] of Object.entries(expected)) {
    for (const limit of [1, 2, 5, 13, 14]) {
      assert.deepEqual(names(await allEngines({ sort: order as "name" }, limit)), names(engines), `${order}, ${limit}`);
      assert.deepEqual(
        names(await allEngines({ sort: `-${order}` as "-name" }, limit)),
        names(engines.toReversed()),
        `-${order}, ${limit}`,
      );
    }
  }
  const ranks = (await allEngines({ sort: "state" }, 4)).map(({ state }) => state);
  assert.deepEqual(
    ranks,
    ranks.toSorted((a, b) => rank(a) - rank(b)),
    "worst first",
  );
});

function rank(state: string): number {
  return ["no_full_backup", "stale", "fresh"].indexOf(state);
}

test("a filter by state gives the engines that are in that state, in every order", async () => {
  const everything = await allEngines({ sort: "name" }, 500);
  assert.deepEqual(new Set(everything.map(({ state }) => state)), new Set(["no_full_backup", "stale", "fresh"]));
  for (const state of [["no_full_backup"], ["stale"], ["fresh"], ["stale", "no_full_backup"], ["disabled"]] as const) {
    const expected = everything.filter((engine) => (state as readonly string[]).includes(engine.state));
    for (const sort of ["name", "-age", "state", "age", "-state"] as const) {
      const found = await allEngines({ sort, state: [...state] }, 2);
      assert.deepEqual(names(found).toSorted(), names(expected), `${state.join()} by ${sort}`);
    }
  }
});

test("engines are found by a part of the name, and by a scope that they have reported", async () => {
  assert.deepEqual(names(await allEngines({ sort: "name", text: "B1" }, 2)), ["db10", "db11"]);
  assert.deepEqual(names(await allEngines({ sort: "name", text: "0" }, 3)).length, 11);
  assert.deepEqual(names(await allEngines({ text: "own.example.com" }, 3)), ["own"]);
  assert.deepEqual(await allEngines({ text: "%" }, 3), []);
  assert.deepEqual(await allEngines({ text: "exampleXcom" }, 3), []);
  assert.deepEqual(names(await allEngines({ scope: "keycloak" }, 3)), ["db01"]);
});

test("an engine says which scope makes it what it is, and when each goes stale", async () => {
  const engine = await fixture.api("read").call("GET /engines/{fqdn}", { params: { fqdn: "DB09.example.com" } });
  assert.equal(engine.state, "stale");
  assert.deepEqual(
    engine.scopes.map(({ scope, state, period_days, has_own_period }) => [scope, state, period_days, has_own_period]),
    [
      ["db", "stale", 1, false],
      ["files", "fresh", 2, true],
    ],
  );
  assert.equal(engine.scopes[0]?.stale_at, ago(27 - 24).toISOString());
  assert.deepEqual(
    engine.alerts.map(({ type }) => type),
    ["ENGINE_NO_WARM_BACKUP"],
  );
  const other = await fixture.api("read").call("GET /engines/{fqdn}", { params: { fqdn: "db01.example.com" } });
  assert.deepEqual(
    other.scopes.map(({ scope, state }) => [scope, state]),
    [
      ["db", "fresh"],
      ["files", "fresh"],
      ["keycloak", "optional"],
    ],
  );
});

test("the summary counts what the list shows", async () => {
  const everything = await allEngines({}, 500);
  const summary = await fixture.api("read").call("GET /summary");
  for (const state of ["no_full_backup", "stale", "fresh", "disabled"] as const)
    assert.equal(summary.engines[state], everything.filter((engine) => engine.state === state).length, state);
  assert.equal(summary.engines.total, everything.length);
  assert.equal(summary.fqdn, ownFqdn);
  assert.equal(summary.has_reports, true);
});

test("while the feature is disabled, every engine is, in the list and in the summary", async () => {
  await setOption(fixture.pool, "BackupCheckPeriodInHours", -1, "test");
  try {
    assert.equal((await allEngines({ state: ["disabled"], sort: "state" }, 5)).length, 13);
    assert.deepEqual(await allEngines({ state: ["stale"], sort: "state" }, 5), []);
    assert.equal((await fixture.api("read").call("GET /summary")).engines.disabled, 13);
  } finally {
    await setOption(fixture.pool, "BackupCheckPeriodInHours", null, "test");
  }
});

test("backups come newest first with all that is known of them, page by page", async () => {
  const fqdn = "history.example.com";
  for (let hours = 30; hours > 0; hours -= 5)
    await completed(fqdn, "db", hours, {
      durationMs: hours * 1000,
      sizeBytes: 4096,
      archive: `/backup/${hours}`,
      tool: "restic 0.18",
    });
  await recordReport(fixture.pool, {
    fqdn,
    scope: "db",
    doneAt: ago(2),
    status: "failed",
    outputMessage: "disk full",
    logPath: "/var/log/b.log",
  });
  const api = fixture.api("read");
  const first = await api.call("GET /engines/{fqdn}/backups", { params: { fqdn }, query: { limit: 4 } });
  const second = await api.call("GET /engines/{fqdn}/backups", {
    params: { fqdn },
    query: { limit: 4, after: first.next! },
  });
  assert.equal(second.next, null);
  const all = [...first.items, ...second.items];
  assert.deepEqual(
    all.map(({ done_at }) => done_at),
    [2, 5, 10, 15, 20, 25, 30].map((hours) => ago(hours).toISOString()),
  );
  assert.deepEqual(
    [all[0]?.outcome, all[0]?.output_message, all[0]?.log_path],
    ["failed", "disk full", "/var/log/b.log"],
  );
  assert.deepEqual(
    [all[1]?.duration_ms, all[1]?.size_bytes, all[1]?.archive, all[1]?.tool],
    [5000, 4096, "/backup/5", "restic 0.18"],
  );
  const failed = await api.call("GET /engines/{fqdn}/backups", { params: { fqdn }, query: { outcome: ["failed"] } });
  assert.equal(failed.items.length, 1);
});

test("the calendar has a day for every day, and says what became of each", async () => {
  const fqdn = "calendar.example.com";
  const admin = new pg.Client({ connectionString: fixture.superuserUrl });
  await admin.connect();
  try {
    await addEngine(fixture.pool, fqdn, "test");
    await admin.query("update backup_awareness.engine set added_at = now() - interval '8 days' where fqdn = $1", [
      fqdn,
    ]);
  } finally {
    await admin.end();
  }
  await completed(fqdn, "db", 6 * 24, { sizeBytes: 10, durationMs: 5 });
  await recordReport(fixture.pool, {
    fqdn,
    scope: "db",
    doneAt: ago(3 * 24),
    status: "failed",
    outputMessage: "",
    logPath: null,
  });
  const calendar = await fixture
    .api("read")
    .call("GET /engines/{fqdn}/calendar", { params: { fqdn }, query: { days: 12 } });
  const db = calendar.scopes.find(({ scope }) => scope === "db");
  assert.equal(db?.days.length, 12);
  assert.deepEqual(
    db.days.map(({ outcome }) => outcome),
    // Not watched yet; watched, and nothing came; success; fresh for a day; then missed, but for the failure.
    [
      ...Array<string>(3).fill("none"),
      ...db.days.slice(3, 5).map(({ outcome }) => outcome),
      "success",
      "missed",
      "missed",
      "failure",
      "missed",
      "missed",
      "missed",
    ],
  );
  assert.deepEqual([db.days[5]?.size_bytes, db.days[5]?.duration_ms, db.days[5]?.completed], [10, 5, 1]);
});

test("events are filtered by type, severity, engine, scope, time and text, newest first, page by page", async () => {
  const api = fixture.api("read");
  const read = async (query: Query<"GET /events">) => {
    const items = [];
    let after: string | null = null;
    do {
      const page: {
        items: {
          id: number;
          type: string;
          message: string;
          severity: string;
          fqdn: string | null;
          scope: string | null;
          log_time: string;
        }[];
        next: string | null;
      } = await api.call("GET /events", { query: { ...query, limit: 7, ...(after === null ? {} : { after }) } });
      items.push(...page.items);
      after = page.next;
    } while (after !== null);
    return items;
  };
  const everything = await read({});
  const { rows } = await fixture.pool.query<{ id: string }>(
    "select id from backup_awareness.audit_log order by log_time desc, id desc",
  );
  assert.deepEqual(
    everything.map(({ id }) => id),
    rows.map(({ id }) => Number(id)),
  );
  const expected: [Query<"GET /events">, (event: (typeof everything)[number]) => boolean][] = [
    [{ type: ["ENGINE_BACKUP_FAILED"] }, ({ type }) => type === "ENGINE_BACKUP_FAILED"],
    [
      { type: ["ENGINE_BACKUP_FAILED", "ENGINE_ADDED"] },
      ({ type }) => ["ENGINE_BACKUP_FAILED", "ENGINE_ADDED"].includes(type),
    ],
    [{ severity: "error" }, ({ severity }) => ["error", "alert"].includes(severity)],
    [{ severity: "alert", type: ["ENGINE_ADDED"] }, () => false],
    [{ fqdn: "DB01.example.com" }, ({ fqdn }) => fqdn === "db01.example.com"],
    [
      { fqdn: "db01.example.com", severity: "warning" },
      ({ fqdn, severity }) => fqdn === "db01.example.com" && severity !== "normal",
    ],
    [{ scope: "keycloak" }, ({ scope }) => scope === "keycloak"],
    [{ text: "DISK full" }, ({ message }) => message.includes("disk full")],
    [{ text: "no such words" }, () => false],
    [
      { since: everything[10]!.log_time, until: everything[5]!.log_time },
      ({ log_time }) => log_time >= everything[10]!.log_time && log_time <= everything[5]!.log_time,
    ],
  ];
  for (const [query, passes] of expected) {
    // Times are given to a millisecond and kept to a microsecond: what lies between is left to the database.
    const at = "since" in query ? (event: { log_time: string }) => event.log_time : null;
    const found = await read(query);
    const wanted = everything.filter(passes);
    if (at === null)
      assert.deepEqual(
        found.map(({ id }) => id),
        wanted.map(({ id }) => id),
        JSON.stringify(query),
      );
    else assert.ok(found.length > 0 && found.every(passes), JSON.stringify(query));
  }
});

test("open alerts come oldest first, with their texts, dismissed or not as asked", async () => {
  const api = fixture.api("read");
  const all = await api.call("GET /alerts", { query: { limit: 500 } });
  const first = all.items[0]!;
  assert.match(first.message ?? "", /Run engine-backup/);
  assert.deepEqual(
    all.items.map(({ raised_at }) => raised_at),
    all.items.map(({ raised_at }) => raised_at).toSorted(),
  );
  await dismissAlert(fixture.pool, first.id, "ann", "seen");
  const [dismissed, others] = [
    await api.call("GET /alerts", { query: { dismissed: true } }),
    await api.call("GET /alerts", { query: { dismissed: false, limit: 500 } }),
  ];
  assert.deepEqual(
    dismissed.items.map(({ id, dismissed_by, dismissal_note }) => [id, dismissed_by, dismissal_note]),
    [[first.id, "ann", "seen"]],
  );
  assert.equal(others.items.length, all.items.length - 1);
  assert.deepEqual(others.open, { count: all.items.length - 1, is_capped: false });
  const page = await api.call("GET /alerts", { query: { limit: 2 } });
  const next = await api.call("GET /alerts", { query: { limit: 2, after: page.next! } });
  assert.deepEqual(
    [...page.items, ...next.items].map(({ id }) => id),
    all.items.slice(0, 4).map(({ id }) => id),
  );
});

test("a page says in the header Link where the next one is; an unchanged answer is 304", async () => {
  const headers = { authorization: `Bearer ${fixture.tokens.read}` };
  const answer = await fixture.server.inject({ url: "/api/v1/engines?limit=2&sort=name", headers });
  const link = /^<(.*)>; rel="next"$/.exec(String(answer.headers.link))?.[1] ?? "";
  const next = await fixture.server.inject({ url: link, headers });
  assert.deepEqual(
    names(next.json<{ items: EngineItem[] }>().items),
    ["db00", "db01"].length === 2 ? names((await allEngines({ sort: "name" }, 500)).slice(2, 4)) : [],
  );
  const again = await fixture.server.inject({
    url: "/api/v1/engines?limit=2&sort=name",
    headers: { ...headers, "if-none-match": String(answer.headers.etag) },
  });
  assert.deepEqual([again.statusCode, again.body], [304, ""]);
});

test("what is wrong with a request is told as a problem document", async () => {
  const api = fixture.api("read");
  const refused = async (call: Promise<unknown>) => {
    const error: unknown = await call.then(
      () => null,
      (found: unknown) => found,
    );
    assert.ok(error instanceof ApiProblem);
    return error.problem;
  };
  const unknown = await refused(api.call("GET /engines/{fqdn}", { params: { fqdn: "nobody" } }));
  assert.deepEqual(
    [unknown.status, unknown.code, unknown.type],
    [404, "ENGINE_UNKNOWN", "urn:backup-awareness:error:ENGINE_UNKNOWN"],
  );
  const badCursor = await refused(api.call("GET /engines", { query: { after: "nonsense" } }));
  assert.deepEqual([badCursor.status, badCursor.code], [400, "REQUEST_INVALID"]);
  const badKey = await refused(api.call("GET /engines", { query: { colour: "red" } as object }));
  assert.match(badKey.detail, /"colour"/);
  const badMoment = await refused(api.call("GET /events", { query: { since: "yesterday" } }));
  assert.match(badMoment.detail, /date-time/);
});

test("nobody gets in without a token; a report token does not read; a revoked or wrong one is none", async () => {
  const status = (call: Promise<unknown>) =>
    call.then(
      () => 200,
      (error: unknown) => (error instanceof ApiProblem ? error.problem.status : error),
    );
  assert.equal(await status(fixture.api(null).call("GET /summary")), 401);
  assert.equal(await status(fixture.api({ secret: "ba_read_nonsense" }).call("GET /summary")), 401);
  assert.equal(await status(fixture.api("report").call("GET /summary")), 403);
  assert.equal(await status(fixture.api("admin").call("GET /summary")), 200);
});

test("events are exported whole, as NDJSON and as CSV that no spreadsheet takes for formulas", async () => {
  await recordReport(fixture.pool, {
    fqdn: "=cmd|calc",
    scope: "db",
    doneAt: ago(1),
    status: "failed",
    outputMessage: 'said "no",\nthen died',
    logPath: null,
  });
  const { rows } = await fixture.pool.query<{ id: string }>(
    "select id from backup_awareness.audit_log order by log_time, id",
  );
  const get = async (format: string, more = "") => {
    const answer = await fixture.server.inject({
      url: `/api/v1/events/export?format=${format}${more}`,
      headers: { authorization: `Bearer ${fixture.tokens.read}` },
    });
    assert.equal(answer.statusCode, 200);
    return answer.body;
  };
  const lines = (await get("ndjson"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: number });
  assert.deepEqual(
    lines.map(({ id }) => id),
    rows.map(({ id }) => Number(id)),
  );
  const csv = await get("csv", "&type=ENGINE_BACKUP_FAILED&fqdn=%3Dcmd%7Ccalc");
  assert.match(csv, /^id,log_time,type,code,severity,fqdn,scope,alert_id,actor,message\r\n\d+,/);
  assert.match(csv, /,'=cmd\|calc,db,,,"Backup of scope db of engine =cmd\|calc failed .*said ""no"",\nthen died/s);
});
