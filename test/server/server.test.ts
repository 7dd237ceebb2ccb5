import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import type { Health } from "../../src/awareness/health.ts";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { buildServer, listen } from "../../src/server/server.ts";

const logger = pino({ level: "silent" });
const ok: Health = { status: "ok", reasons: [], enabled: true, checked_at: null, next_check_at: null };

function serverWith(health: Health) {
  const pool = (): never => {
    throw new BackupAwarenessError("DATABASE_UNREACHABLE", "the database does not answer: it was not started");
  };
  const settings = { fqdn: "host.example.com", protectsOnlyItself: true };
  return buildServer({
    logger,
    readHealth: () => Promise.resolve(health),
    scrape: () => Promise.resolve("backup_awareness_up 0\n"),
    api: { pool, settings, programVersion: "0.1.0", now: () => new Date(), logger },
  });
}

test("GET /health answers 200 and is not to be cached", async () => {
  const answer = await serverWith(ok).inject("/health");
  assert.equal(answer.statusCode, 200);
  assert.deepEqual(answer.json(), ok);
  assert.equal(answer.headers["cache-control"], "no-store");
});

test("GET /health answers 503 with the reasons when something is wrong", async () => {
  const answer = await serverWith({ ...ok, status: "failing", reasons: ["the check is overdue"] }).inject("/health");
  assert.equal(answer.statusCode, 503);
  assert.deepEqual(answer.json<Health>().reasons, ["the check is overdue"]);
});

test("HEAD /health answers the same without a body", async () => {
  const answer = await serverWith(ok).inject({ method: "HEAD", url: "/health" });
  assert.equal(answer.statusCode, 200);
  assert.equal(answer.body, "");
});

test("what is not there is a 404 in JSON, which repeats no query", async () => {
  const answer = await serverWith(ok).inject("/nothing?token=secret");
  assert.equal(answer.statusCode, 404);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.deepEqual(answer.json(), {
    type: "urn:backup-awareness:error:NOT_FOUND",
    title: "nothing is at that path",
    status: 404,
    detail: "there is no GET /nothing",
    code: "NOT_FOUND",
    hint: null,
  });
});

test("a database that is away is 503 and a time to ask again", async () => {
  const headers = { authorization: "Bearer some-token" };
  const answer = await serverWith(ok).inject({ url: "/api/v1/summary", headers });
  assert.equal(answer.statusCode, 503);
  assert.equal(answer.json<{ code: string }>().code, "DATABASE_UNREACHABLE");
  assert.equal(answer.headers["retry-after"], "5");
});

test("an address that is taken is an error that names the setting", async () => {
  const [first, second] = [serverWith(ok), serverWith(ok)];
  try {
    const url = new URL(await listen(first, { host: "127.0.0.1", port: 0 }));
    await assert.rejects(listen(second, { host: "127.0.0.1", port: Number(url.port) }), (error: unknown) => {
      assert.ok(error instanceof BackupAwarenessError);
      assert.equal(error.code, "SETTINGS_INVALID");
      assert.match(error.message, new RegExp(`listen: .*127\\.0\\.0\\.1:${url.port}.*another program`));
      assert.match(error.hint ?? "", /BACKUP_AWARENESS_LISTEN/);
      return true;
    });
  } finally {
    await first.close();
    await second.close();
  }
});
