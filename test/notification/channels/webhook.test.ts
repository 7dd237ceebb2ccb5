import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { webhook } from "../../../src/notification/channels/webhook/webhook.ts";
import { exampleNow, sendThrough } from "../../support/example-message.ts";
import { type Answer, type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("a webhook", () => {
  let receiver: HttpReceiver;
  let answer: Answer = {};
  before(async () => {
    receiver = await startReceiver(() => answer);
  });
  after(() => receiver.close());

  test("receives all that is known, as JSON, with headers of one's own", async () => {
    answer = { status: 202, body: "thanks" };
    const result = await sendThrough(webhook, {
      url: `${receiver.url}/hook?x=1`,
      header: ["X-Team: ops", "Authorization: Bearer t0ken"],
    });
    assert.deepEqual(result, { outcome: "accepted", answer: "202 Accepted: thanks" });
    const { method, path, headers, body } = receiver.requests.at(-1)!;
    assert.deepEqual(
      [method, path, headers["x-team"], headers.authorization],
      ["POST", "/hook?x=1", "ops", "Bearer t0ken"],
    );
    assert.equal(headers["content-type"], "application/json");
    const { text, ...json } = JSON.parse(body) as Record<string, unknown>;
    assert.match(String(text), /^Engine: /);
    assert.deepEqual(json, {
      id: "delivery-7",
      kind: "raised",
      severity: "alert",
      title: "Backup too old: db1.example.com",
      incident: "incident-7",
      sent_at: exampleNow.toISOString(),
      sent_by: "watch.example.com",
      link: "https://backup.example.com/engines/db1.example.com",
      next_step:
        "Run engine-backup on db1.example.com, or its own backup tool and report it; this goes by itself once every required scope has a fresh backup.",
      total: 1,
      events: [
        {
          type: "ENGINE_NO_WARM_BACKUP",
          code: 9023,
          severity: "alert",
          engine: "db1.example.com",
          scope: null,
          alert_id: 12,
          at: "2026-11-22T22:00:00.000Z",
          cleared_at: null,
          line: "db1.example.com: backup too old, since 2026-11-22 22:00:00 UTC (5 hours ago)",
          last_words: 'db: pg_dump: error: connection to server failed: "no space left" <&> *bold* `code`',
        },
      ],
    });
  });

  test("is signed as Standard Webhooks has it", async () => {
    const key = Buffer.from("0123456789abcdef0123456789abcdef");
    for (const [secret, bytes] of [
      [`whsec_${key.toString("base64")}`, key],
      ["any text", Buffer.from("any text")],
    ] as const) {
      await sendThrough(webhook, { url: receiver.url, signing_secret: secret });
      const { headers, body } = receiver.requests.at(-1)!;
      const [id, timestamp] = [headers["webhook-id"] as string, headers["webhook-timestamp"] as string];
      assert.deepEqual([id, timestamp], ["delivery-7", String(exampleNow.getTime() / 1000)]);
      const expected = createHmac("sha256", bytes).update(`${id}.${timestamp}.${body}`).digest("base64");
      assert.equal(headers["webhook-signature"], `v1,${expected}`);
    }
  });

  test("is filled in by a template, whose values are escaped as its content type needs", async () => {
    await sendThrough(webhook, { url: receiver.url, template: '{"summary": "{{title}}: {{ text }}", "n": {{total}}}' });
    const json = JSON.parse(receiver.requests.at(-1)!.body) as { summary: string; n: number };
    assert.match(json.summary, /"no space left" <&>/);
    assert.equal(json.n, 1);
    await sendThrough(webhook, {
      url: receiver.url,
      template: "m={{title}}",
      content_type: "application/x-www-form-urlencoded",
      method: "PUT",
    });
    assert.equal(receiver.requests.at(-1)!.body, "m=Backup%20too%20old%3A%20db1.example.com");
    assert.equal(receiver.requests.at(-1)!.method, "PUT");
    await assert.rejects(sendThrough(webhook, { url: receiver.url, template: "{{titel}}" }), /\{\{titel\}\}/);
  });

  test("is refused for good by 401 and 404, for now by 429 and 503, which may say for how long", async () => {
    for (const [status, outcome] of [
      [400, "permanent"],
      [401, "permanent"],
      [404, "permanent"],
      [301, "permanent"],
      [408, "temporary"],
      [429, "temporary"],
      [500, "temporary"],
      [503, "temporary"],
    ] as const) {
      answer = { status, headers: { "retry-after": "120" }, body: "" };
      const result = await sendThrough(webhook, { url: receiver.url });
      assert.equal(result.outcome, outcome, String(status));
      if (outcome === "temporary") assert.equal(result.retryAfterMs, 120_000);
    }
    answer = {};
  });

  test("does not take headers that would make a second request, nor other URLs than http", async () => {
    await assert.rejects(sendThrough(webhook, { url: receiver.url, header: ["X: a\r\nY: b"] }));
    await assert.rejects(sendThrough(webhook, { url: receiver.url, header: ["no colon"] }), /Name: value/);
    await assert.rejects(sendThrough(webhook, { url: "file:///etc/passwd" }), /http/);
  });
});
