import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { alertmanager, alertmanagerAlerts } from "../../../src/notification/channels/alertmanager/alertmanager.ts";
import { exampleMessage, exampleNow, exampleStorm, exampleTold, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("alerts to Alertmanager", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver();
  });
  after(() => receiver.close());

  test("arrive at its API v2, each with labels that are the same when it ends", async () => {
    const settings = { url: `${receiver.url}/`, username: "ann", password: "secret", label: ["team=ops"] };
    await sendThrough(alertmanager, settings);
    const { path, headers, body } = receiver.requests.at(-1)!;
    assert.equal(path, "/api/v2/alerts");
    assert.equal(headers.authorization, `Basic ${Buffer.from("ann:secret").toString("base64")}`);
    const [raised] = JSON.parse(body) as { labels: object; startsAt: string; endsAt: string }[];
    assert.deepEqual(raised!.labels, {
      team: "ops",
      alertname: "ENGINE_NO_WARM_BACKUP",
      severity: "critical",
      engine: "db1.example.com",
    });
    assert.equal(raised!.startsAt, "2026-11-22T22:00:00.000Z");
    assert.ok(Date.parse(raised!.endsAt) > exampleNow.getTime() + 365 * 86_400_000, "it does not end by itself");
    const cleared = exampleMessage({ kind: "cleared", told: [exampleTold({ clearedAt: exampleNow })] });
    const [ended] = alertmanagerAlerts(cleared, ["team=ops"]);
    assert.deepEqual([ended!.labels, ended!.endsAt], [raised!.labels, exampleNow.toISOString()]);
  });

  test("are what its published API describes: texts only, a non-empty label set, times of RFC 3339", () => {
    for (const message of [exampleMessage(), exampleStorm(50)]) {
      for (const alert of alertmanagerAlerts(message, [])) {
        const texts = [...Object.values(alert.labels), ...Object.values(alert.annotations)];
        assert.ok(texts.every((text) => typeof text === "string" && text !== ""));
        assert.ok(Object.keys(alert.labels).every((name) => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)));
        for (const time of [alert.startsAt, alert.endsAt]) assert.equal(new Date(time).toISOString(), time);
        assert.ok(URL.canParse(alert.generatorURL!));
      }
    }
  });

  test("an event that is no alert ends by itself", () => {
    const message = exampleMessage({
      kind: "event",
      told: [exampleTold({ type: "ENGINE_BACKUP_FAILED", scope: "db", alertId: null, severity: "error" })],
    });
    const [event] = alertmanagerAlerts(message, []);
    assert.equal(Date.parse(event!.endsAt) - exampleNow.getTime(), 3_600_000);
  });
});
