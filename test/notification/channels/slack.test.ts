import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KnownBlock, MessageAttachment } from "@slack/types";
import { slack, slackMessage } from "../../../src/notification/channels/slack/slack.ts";
import { exampleMessage, exampleStorm, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("a message to Slack", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver(({ path }) => (path.endsWith("gone") ? { status: 404, body: "no_service" } : {}));
  });
  after(() => receiver.close());

  test("is of Block Kit, within its limits, however much there is to tell", () => {
    for (const message of [
      exampleMessage(),
      exampleStorm(3),
      exampleStorm(10_000),
      { ...exampleMessage(), title: "x".repeat(5_000) },
    ]) {
      const { attachments } = slackMessage(message);
      const typed: MessageAttachment[] = attachments; // as Slack's own package declares it
      for (const { blocks = [] } of typed) {
        assert.ok(blocks.length <= 50);
        for (const block of blocks as KnownBlock[]) {
          if (block.type === "header") assert.ok(block.text.text.length <= 150);
          if (block.type === "section") {
            assert.ok((block.text?.text.length ?? 1) <= 3000 && (block.text?.text.length ?? 1) > 0);
            assert.ok(
              (block.fields ?? []).length <= 10 && (block.fields ?? []).every((field) => field.text.length <= 2000),
            );
          }
        }
      }
    }
  });

  test("arrives, with what others wrote escaped", async () => {
    const result = await sendThrough(slack, { url: `${receiver.url}/services/T/B/x` });
    assert.deepEqual(result, { outcome: "accepted", answer: "200 OK: ok" });
    const { body } = receiver.requests.at(-1)!;
    assert.match(body, /&lt;&amp;&gt;/);
    assert.doesNotMatch(body, /<&>/);
    assert.equal((JSON.parse(body) as { text: string }).text, "[alert] Backup too old: db1.example.com");
  });

  test("to a webhook that is gone is refused for good", async () => {
    const result = await sendThrough(slack, { url: `${receiver.url}/gone` });
    assert.deepEqual(result, { outcome: "permanent", answer: "404 Not Found: no_service" });
  });
});
