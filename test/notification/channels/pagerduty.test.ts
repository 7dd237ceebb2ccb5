import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pagerduty, pagerdutyEvent } from "../../../src/notification/channels/pagerduty/pagerduty.ts";
import { exampleMessage, exampleStorm, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("an event to PagerDuty", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver(() => ({ status: 202, body: '{"status":"success"}' }));
  });
  after(() => receiver.close());

  test("triggers what its end resolves: both have one key", async () => {
    const settings = { server: receiver.url, routing_key: "0123456789abcdef0123456789abcdef" };
    const json = () => JSON.parse(receiver.requests.at(-1)!.body) as Record<string, unknown>;
    assert.equal((await sendThrough(pagerduty, settings)).outcome, "accepted");
    assert.equal(receiver.requests.at(-1)!.path, "/v2/enqueue");
    const { payload, ...triggered } = json();
    const { custom_details: details, ...shown } = payload as Record<string, unknown>;
    assert.deepEqual(triggered, {
      routing_key: "0123456789abcdef0123456789abcdef",
      event_action: "trigger",
      dedup_key: "backup-awareness/watch.example.com/incident-7",
      links: [{ href: "https://backup.example.com/engines/db1.example.com", text: "Open in Backup Awareness" }],
      client: "Backup Awareness",
      client_url: "https://backup.example.com/engines/db1.example.com",
    });
    assert.deepEqual(shown, {
      summary: "Backup too old: db1.example.com",
      source: "db1.example.com",
      severity: "critical",
      timestamp: "2026-11-22T22:00:00.000Z",
      group: "backup",
      class: "ENGINE_NO_WARM_BACKUP",
    });
    assert.equal((details as Record<string, string>)["Last full backup"], "29 hours ago (2026-11-21 22:00:00 UTC)");
    await sendThrough(pagerduty, settings, { message: exampleMessage({ kind: "cleared", id: "delivery-9" }) });
    assert.deepEqual(json(), {
      routing_key: "0123456789abcdef0123456789abcdef",
      event_action: "resolve",
      dedup_key: "backup-awareness/watch.example.com/incident-7",
    });
  });

  test("is within the API's limits", () => {
    const event = pagerdutyEvent(exampleStorm(10_000));
    assert.ok(JSON.stringify(event).length < 512_000);
    assert.ok(event.payload!.summary.length <= 1024);
    assert.ok(["critical", "error", "warning", "info"].includes(event.payload!.severity));
  });
});
