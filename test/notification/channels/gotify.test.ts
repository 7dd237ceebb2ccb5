import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { gotify } from "../../../src/notification/channels/gotify/gotify.ts";
import { exampleMessage, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("a message to Gotify", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver();
  });
  after(() => receiver.close());

  test("arrives with the application's token, and quietly where it is over", async () => {
    const settings = { server: `${receiver.url}/gotify/`, token: "A.token" };
    await sendThrough(gotify, settings);
    const { path, headers, body } = receiver.requests.at(-1)!;
    assert.deepEqual([path, headers["x-gotify-key"]], ["/gotify/message", "A.token"]);
    const json = JSON.parse(body) as {
      title: string;
      priority: number;
      extras: Record<string, { click?: { url: string } }>;
    };
    assert.deepEqual([json.title, json.priority], ["Backup too old: db1.example.com", 9]);
    assert.equal(json.extras["client::notification"]!.click!.url, "https://backup.example.com/engines/db1.example.com");
    await sendThrough(gotify, settings, { message: exampleMessage({ kind: "cleared" }) });
    assert.equal((JSON.parse(receiver.requests.at(-1)!.body) as { priority: number }).priority, 2);
  });
});
