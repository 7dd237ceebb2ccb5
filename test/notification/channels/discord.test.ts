import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { RESTPostAPIWebhookWithTokenJSONBody } from "discord-api-types/v10";
import { discord, discordMessage } from "../../../src/notification/channels/discord/discord.ts";
import { exampleMessage, exampleStorm, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("a message to Discord", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver(() => ({ status: 429, headers: { "retry-after": "3" }, body: "{}" }));
  });
  after(() => receiver.close());

  test("is as its API declares it, within its limits, and mentions nobody", () => {
    for (const message of [
      exampleMessage(),
      exampleStorm(10_000),
      { ...exampleMessage(), title: "@everyone ".repeat(200) },
    ]) {
      const typed: RESTPostAPIWebhookWithTokenJSONBody = discordMessage(message);
      const [embed] = typed.embeds!;
      assert.ok(embed!.title!.length <= 256 && embed!.description!.length <= 4096);
      assert.ok(embed!.title!.length + embed!.description!.length + embed!.footer!.text.length <= 6000);
      assert.deepEqual(typed.allowed_mentions, { parse: [] });
    }
  });

  test("asks for an answer, and keeps to the pause that it is asked for", async () => {
    const result = await sendThrough(discord, { url: `${receiver.url}/api/webhooks/1/x` });
    assert.equal(receiver.requests.at(-1)!.path, "/api/webhooks/1/x?wait=true");
    assert.deepEqual([result.outcome, result.retryAfterMs], ["temporary", 3_000]);
  });
});
