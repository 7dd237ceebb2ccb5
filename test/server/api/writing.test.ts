import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { after, before, test } from "node:test";
import { ApiProblem } from "../../../src/contract/api/client.ts";
import { createToken } from "../../../src/database/tokens.ts";
import { listen } from "../../../src/server/server.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { type ApiFixture, ownFqdn, startApi } from "./api-fixture.ts";

let fixture: ApiFixture;
before(async () => {
  fixture = await startApi();
});
after(() => fixture.close());

async function problemOf(call: Promise<unknown>) {
  const error: unknown = await call.then(
    () => null,
    (found: unknown) => found,
  );
  assert.ok(error instanceof ApiProblem, String(error));
  return error.problem;
}

const doneAt = "2026-11-20T10:00:00Z";

test("one report is recorded, and repeated without harm", async () => {
  const body = {
    scope: "db",
    status: 1 as const,
    done_at: doneAt,
    fqdn: "one.example.com",
    duration_ms: 5,
    archive: "/a",
  };
  const api = fixture.api("report");
  assert.deepEqual((await api.call("POST /reports", { body })).recorded, 1);
  assert.deepEqual(await api.call("POST /reports", { body: { ...body, status: "completed" } }), {
    recorded: 0,
    known: 1,
    refused: 0,
    failed: 0,
    items: [{ outcome: "known", code: null, detail: null }],
  });
});

test("a batch is answered item by item, and one that is refused harms no other", async () => {
  const report = { status: "completed" as const, done_at: doneAt, fqdn: "two.example.com" };
  const answer = await fixture.api("report").call("POST /reports", {
    body: [
      { ...report, scope: "db" },
      { ...report, scope: "No Scope" },
      { ...report, scope: "db" },
      { ...report, scope: "files", fqdn: "" },
    ],
  });
  assert.deepEqual(
    answer.items.map(({ outcome, code }) => [outcome, code]),
    [
      ["recorded", null],
      ["refused", "REPORT_INVALID"],
      ["known", null],
      ["refused", "NOT_ALLOWED"],
    ],
  );
  assert.match(answer.items[1]?.detail ?? "", /v_scope.*No Scope/);
  const thousand = Array.from({ length: 1000 }, (_, i) => ({
    ...report,
    scope: "db",
    fqdn: `e${i % 50}.example.com`,
    done_at: new Date(Date.parse(doneAt) + i * 1000).toISOString(),
  }));
  assert.equal((await fixture.api("admin").call("POST /reports", { body: thousand })).recorded, 1000);
  assert.equal(
    (await problemOf(fixture.api("admin").call("POST /reports", { body: [...thousand, thousand[0]!] }))).status,
    400,
  );
});

test("a report token reports for its engine and for no other, and without naming it", async () => {
  const { secret } = await createToken(
    fixture.pool,
    { name: "bound", kind: "report", engine: "Bound.example.com", expiresAt: null },
    "test",
  );
  const api = fixture.api({ secret });
  await api.call("POST /reports", { body: { scope: "db", status: 1 } });
  const engine = await fixture.api("read").call("GET /engines/{fqdn}", { params: { fqdn: "bound.example.com" } });
  assert.notEqual(engine.scopes[0]?.last_success_at, null);
  const other = await problemOf(
    api.call("POST /reports", { body: { scope: "db", status: 1, fqdn: "other.example.com" } }),
  );
  assert.deepEqual([other.status, other.code], [403, "NOT_ALLOWED"]);
});

test("without a name, who is not bound reports for the database's own engine", async () => {
  await fixture.api("admin").call("POST /reports", { body: { scope: "db", status: -1, output_message: "no disk\0" } });
  const engine = await fixture.api("read").call("GET /engines/{fqdn}", { params: { fqdn: ownFqdn } });
  assert.equal(engine.scopes.find(({ scope }) => scope === "db")?.last_failure_message, "no disk\u{FFFD}");
});

test("an engine is added, told what to back up, and removed", async () => {
  const api = fixture.api("admin");
  const params = { fqdn: "New.example.com" };
  const added = await api.call("PUT /engines/{fqdn}", {
    params,
    body: { required_scopes: [{ scope: "db", period_days: 3 }] },
  });
  assert.deepEqual(
    added.scopes.map(({ scope, period_days, state }) => [scope, period_days, state]),
    [["db", 3, "never_backed_up"]],
  );
  const many = await api.call("POST /engines/required-scopes", {
    body: { fqdns: ["NEW.example.com", "nobody"], required_scopes: [{ scope: "files", period_days: null }] },
  });
  assert.deepEqual(many, { changed: ["new.example.com"], unknown: ["nobody"] });
  await api.call("DELETE /engines/{fqdn}", { params });
  assert.equal((await problemOf(api.call("GET /engines/{fqdn}", { params }))).code, "ENGINE_UNKNOWN");
});

test("an alert is dismissed with a note, and the dismissal is taken back; both are events that say who", async () => {
  const api = fixture.api("admin");
  const { items } = await api.call("GET /alerts");
  const [first, second] = [items[0]!, items[1]!];
  const dismissed = await api.call("POST /alerts/{id}/dismiss", {
    params: { id: first.id },
    body: { note: "on Friday" },
  });
  assert.equal(dismissed.dismissal_note, "on Friday");
  assert.match(dismissed.dismissed_by ?? "", /^token \d+ \(admin\)@127\.0\.0\.1 via API$/);
  const restored = await api.call("DELETE /alerts/{id}/dismiss", { params: { id: first.id } });
  assert.equal(restored.dismissed_at, null);
  const both = await api.call("POST /alerts/dismiss", { body: { ids: [first.id, second.id, 999_999] } });
  assert.deepEqual(both, { dismissed: [first.id, second.id], unknown: [999_999] });
  const events = await api.call("GET /events", {
    query: { type: ["ENGINE_ALERT_DISMISSED", "ENGINE_ALERT_RESTORED"] },
  });
  assert.deepEqual(
    events.items.map(({ alert_id }) => alert_id),
    [second.id, first.id, first.id, first.id],
  );
});

test("an option is set, and refused outside its range; who changed it last is told", async () => {
  const api = fixture.api("admin");
  const params = { name: "BackupAlertPeriodInDays" };
  const set = await api.call("PUT /options/{name}", { params, body: { value: 7 } });
  assert.deepEqual([set.value, set.is_set, set.default], [7, true, 1]);
  assert.match(set.changed_by ?? "", /token \d+ \(admin\)/);
  const refused = await problemOf(api.call("PUT /options/{name}", { params, body: { value: 0 } }));
  assert.deepEqual([refused.status, refused.code], [422, "OPTION_INVALID"]);
  await api.call("PUT /options/{name}", { params, body: { value: null } });
  assert.equal((await api.call("GET /options/{name}", { params })).is_set, false);
  assert.equal((await api.call("GET /options")).items.length, 7);
});

test("the check runs when it is asked for", async () => {
  const { checked_at } = await fixture.api("admin").call("POST /checks");
  assert.equal((await fixture.api("read").call("GET /summary")).checked_at, checked_at);
});

test("a token is made, works, is listed without its secret, and is revoked", async () => {
  const api = fixture.api("admin");
  const made = await api.call("POST /tokens", { body: { name: "via API", kind: "read" } });
  await fixture.api({ secret: made.token }).call("GET /summary");
  const { items } = await api.call("GET /tokens");
  assert.ok(!JSON.stringify(items).includes(made.token));
  await api.call("DELETE /tokens/{id}", { params: { id: made.item.id } });
  assert.equal((await problemOf(fixture.api({ secret: made.token }).call("GET /summary"))).status, 401);
});

type Message = { event: string; id: number | null; data: Record<string, unknown> };

async function openStream(url: string, lastId: number | null) {
  const request = get(`${url}/api/v1/stream`, {
    headers: {
      authorization: `Bearer ${fixture.tokens.read}`,
      ...(lastId === null ? {} : { "last-event-id": String(lastId) }),
    },
  });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  response.on("error", () => undefined);
  const messages = (): Message[] =>
    text
      .split("\n\n")
      .slice(0, -1)
      .filter((part) => part.includes("event: "))
      .map((part) => ({
        event: /^event: (.*)$/m.exec(part)?.[1] ?? "",
        id: Number(/^id: (.*)$/m.exec(part)?.[1] ?? NaN) || null,
        data: JSON.parse(/^data: (.*)$/m.exec(part)?.[1] ?? "null") as Record<string, unknown>,
      }));
  return { response, messages, close: () => request.destroy() };
}

test("the stream tells what is logged, and goes on where a listener was cut off, each event once", async () => {
  const url = await listen(fixture.server, { host: "127.0.0.1", port: 0 });
  const api = fixture.api("admin");
  const first = await openStream(url, null);
  assert.equal(first.response.headers["content-type"], "text/event-stream");
  await waitUntil("the stream begins", () => first.messages()[0] ?? null);
  await api.call("POST /reports", { body: { scope: "db", status: 1, fqdn: "live.example.com" } });
  const heard = await waitUntil("the report is heard", () => {
    const found = first.messages().filter(({ data }) => data["fqdn"] === "live.example.com");
    return found.length >= 3 ? found : null;
  });
  assert.deepEqual(
    heard.map(({ data }) => [data["type"], data["engine_state"], data["alert_change"]]),
    [
      ["ENGINE_ADDED", null, null],
      ["ENGINE_NO_FULL_BACKUP", "no_full_backup", "raised"],
      ["ENGINE_BACKUP_COMPLETED", null, null],
    ],
  );
  const other = await openStream(url, null);
  await waitUntil("another one listens", () => other.messages()[0] ?? null);
  first.close();
  await api.call("POST /reports", { body: { scope: "files", status: 1, fqdn: "live.example.com" } });
  await waitUntil(
    "the other one hears it",
    () => other.messages().find(({ data }) => data["type"] === "ENGINE_FULL_BACKUP_AVAILABLE") ?? null,
  );
  const again = await openStream(url, heard.at(-1)!.id);
  const resumed = await waitUntil("what was missed comes", () =>
    again.messages().length >= 3 ? again.messages() : null,
  );
  assert.deepEqual(resumed[0]?.data["resumed"], true);
  assert.deepEqual(
    resumed.slice(1).map(({ data }) => data["type"]),
    ["ENGINE_BACKUP_COMPLETED", "ENGINE_FULL_BACKUP_AVAILABLE"],
  );
  other.close();
  again.close();
});
