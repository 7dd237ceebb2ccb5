import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ApiMethods } from "@grammyjs/types";
import { telegram, telegramMessage } from "../../../src/notification/channels/telegram/telegram.ts";
import { exampleMessage, exampleStorm, sendThrough } from "../../support/example-message.ts";
import { type Answer, type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

describe("a message to Telegram", () => {
  let receiver: HttpReceiver;
  let answer: Answer = {};
  before(async () => {
    receiver = await startReceiver(() => answer);
  });
  after(() => receiver.close());
  const settings = () => ({ server: receiver.url, token: "123:ABC-def", chat: "-1001" });

  test("is what sendMessage takes, of at most 4096 characters, in HTML that is closed", () => {
    for (const message of [exampleMessage(), exampleStorm(10_000)]) {
      const typed: Parameters<ApiMethods<never>["sendMessage"]>[0] = { chat_id: 1, ...telegramMessage(message) };
      const shown = typed.text.replace(/<[^>]+>/g, "").replace(/&(lt|gt|amp|quot|#39);/g, "x");
      assert.ok(shown.length <= 4096);
      for (const tag of ["b", "pre", "a"])
        assert.equal(typed.text.split(`<${tag}`).length, typed.text.split(`</${tag}>`).length, tag);
    }
  });

  test("arrives, and waits as long as it is asked to", async () => {
    answer = { body: '{"ok":true}' };
    assert.equal((await sendThrough(telegram, { ...settings(), thread: "7" })).outcome, "accepted");
    const { path, body } = receiver.requests.at(-1)!;
    const json = JSON.parse(body) as { chat_id: string; message_thread_id: number };
    assert.deepEqual([path, json.chat_id, json.message_thread_id], ["/bot123:ABC-def/sendMessage", "-1001", 7]);
    answer = { status: 429, body: '{"ok":false,"error_code":429,"parameters":{"retry_after":12}}' };
    assert.equal((await sendThrough(telegram, settings())).retryAfterMs, 12_000);
    answer = { status: 401, body: '{"ok":false}' };
    assert.equal((await sendThrough(telegram, settings())).outcome, "permanent");
  });

  test("needs a token that looks like one", async () => {
    await assert.rejects(sendThrough(telegram, { ...settings(), token: "abc" }), /123456:ABC-DEF/);
  });
});
