import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pushover, pushoverMessage } from "../../../src/notification/channels/pushover/pushover.ts";
import { exampleMessage, exampleStorm, sendThrough } from "../../support/example-message.ts";
import { type Answer, type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("a message to Pushover", () => {
  let receiver: HttpReceiver;
  let answer: Answer = {};
  before(async () => {
    receiver = await startReceiver(() => answer);
  });
  after(() => receiver.close());
  const settings = () => ({ server: receiver.url, token: "apptoken", user: "userkey" });

  test("is within the API's limits", () => {
    for (const message of [exampleMessage(), exampleStorm(10_000), { ...exampleMessage(), title: "x".repeat(500) }]) {
      const { title, message: text, url } = pushoverMessage(message, false);
      assert.ok(title.length <= 250 && text.length <= 1024 && (url ?? "").length <= 512);
    }
  });

  test("arrives, and rings until it is confirmed only where that is wanted, and not when it is over", async () => {
    const json = () => JSON.parse(receiver.requests.at(-1)!.body) as Record<string, unknown>;
    await sendThrough(pushover, settings());
    assert.equal(receiver.requests.at(-1)!.path, "/1/messages.json");
    assert.deepEqual(
      [json()["token"], json()["user"], json()["priority"], json()["retry"]],
      ["apptoken", "userkey", 1, undefined],
    );
    await sendThrough(pushover, { ...settings(), emergency: "yes" });
    assert.deepEqual([json()["priority"], json()["retry"], json()["expire"]], [2, 300, 10_800]);
    await sendThrough(pushover, { ...settings(), emergency: "yes" }, { message: exampleMessage({ kind: "cleared" }) });
    assert.equal(json()["priority"], -1);
  });

  test("with a wrong token is refused for good", async () => {
    answer = { status: 400, body: '{"token":"invalid","status":0}' };
    assert.equal((await sendThrough(pushover, settings())).outcome, "permanent");
  });
});
