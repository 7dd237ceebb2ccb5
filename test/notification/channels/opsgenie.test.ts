import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { opsgenie, opsgenieRequest } from "../../../src/notification/channels/opsgenie/opsgenie.ts";
import { exampleMessage, exampleStorm, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("an alert to Opsgenie", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver(() => ({ status: 202, body: '{"result":"Request will be processed"}' }));
  });
  after(() => receiver.close());

  test("is created and closed by one alias", async () => {
    const settings = { server: receiver.url, api_key: "key-1" };
    assert.equal((await sendThrough(opsgenie, settings)).outcome, "accepted");
    const created = receiver.requests.at(-1)!;
    const json = JSON.parse(created.body) as Record<string, unknown>;
    assert.deepEqual([created.path, created.headers.authorization], ["/v2/alerts", "GenieKey key-1"]);
    assert.deepEqual(
      [json["message"], json["alias"], json["priority"], json["entity"], json["tags"]],
      [
        "Backup too old: db1.example.com",
        "backup-awareness/watch.example.com/incident-7",
        "P1",
        "db1.example.com",
        ["backup", "ENGINE_NO_WARM_BACKUP"],
      ],
    );
    await sendThrough(opsgenie, settings, { message: exampleMessage({ kind: "cleared", id: "delivery-9" }) });
    assert.equal(
      receiver.requests.at(-1)!.path,
      "/v2/alerts/backup-awareness%2Fwatch.example.com%2Fincident-7/close?identifierType=alias",
    );
  });

  test("is within the API's limits", () => {
    for (const message of [exampleStorm(10_000), { ...exampleMessage(), title: "x".repeat(500) }]) {
      const body = opsgenieRequest(message).body as { message: string; description: string; alias: string };
      assert.ok(body.message.length <= 130 && body.description.length <= 15_000 && body.alias.length <= 512);
    }
  });
});
