import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ntfy, ntfyMessage } from "../../../src/notification/channels/ntfy/ntfy.ts";
import { exampleMessage, exampleStorm, exampleTold, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("a message to ntfy", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver();
  });
  after(() => receiver.close());

  test("stays a message, which has at most 4096 bytes, also where letters have several", () => {
    const umlauts = exampleMessage({ told: [exampleTold({ text: "ü".repeat(5_000), fqdn: "ü".repeat(250) })] });
    for (const message of [exampleMessage(), exampleStorm(10_000), umlauts]) {
      const sent = ntfyMessage(message);
      assert.ok(Buffer.byteLength(sent.message) <= 4096);
      assert.ok(sent.priority >= 1 && sent.priority <= 5);
    }
  });

  test("arrives as JSON at the server's root, with a token", async () => {
    await sendThrough(ntfy, { server: receiver.url, topic: "backup_Xy1", token: "tk_x" });
    const { path, headers, body } = receiver.requests.at(-1)!;
    assert.deepEqual([path, headers.authorization], ["/", "Bearer tk_x"]);
    const { message, ...json } = JSON.parse(body) as Record<string, unknown>;
    assert.match(String(message), /^Engine: /);
    assert.deepEqual(json, {
      topic: "backup_Xy1",
      title: "Backup too old: db1.example.com",
      priority: 5,
      tags: ["warning"],
      click: "https://backup.example.com/engines/db1.example.com",
    });
  });
});
