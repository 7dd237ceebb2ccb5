import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { mattermost, mattermostMessage } from "../../../src/notification/channels/mattermost/mattermost.ts";
import { exampleMessage, exampleStorm, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("a message to Mattermost", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver();
  });
  after(() => receiver.close());

  test("is no longer than a post may be, and ends its code block", () => {
    for (const message of [exampleMessage(), exampleStorm(10_000)]) {
      const { text } = mattermostMessage(message, null).attachments[0]!;
      assert.ok(text.length < 16_383);
      assert.match(text, /^```\n[^]*\n```$/);
    }
  });

  test("arrives, in another channel if one is set", async () => {
    const result = await sendThrough(mattermost, { url: `${receiver.url}/hooks/x`, room: "town-square" });
    assert.equal(result.outcome, "accepted");
    const json = JSON.parse(receiver.requests.at(-1)!.body) as { channel: string; attachments: { title: string }[] };
    assert.deepEqual([json.channel, json.attachments[0]!.title], ["town-square", "Backup too old: db1.example.com"]);
  });
});
