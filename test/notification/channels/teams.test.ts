import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createRequire } from "node:module";
import type * as AdaptiveCards from "adaptivecards";
import { teams, teamsMessage } from "../../../src/notification/channels/teams/teams.ts";
import { exampleMessage, exampleStorm, sendThrough } from "../../support/example-message.ts";
import { type HttpReceiver, startReceiver } from "../../support/http-receiver.ts";

// Its module form names files without their ending, which Node does not take.
const { AdaptiveCard, SerializationContext, Versions } = createRequire(import.meta.url)(
  "adaptivecards/dist/adaptivecards.js",
) as typeof AdaptiveCards;

describe("a message to Microsoft Teams", () => {
  let receiver: HttpReceiver;
  before(async () => {
    receiver = await startReceiver(() => ({ status: 202, body: "" }));
  });
  after(() => receiver.close());

  test("is an Adaptive Card in which Microsoft's own parser finds no fault, and no larger than Teams takes", () => {
    for (const message of [exampleMessage(), exampleStorm(3), exampleStorm(10_000)]) {
      const { type, attachments } = teamsMessage(message);
      const [attachment] = attachments;
      assert.deepEqual([type, attachments.length], ["message", 1]);
      assert.equal(attachment!.contentType, "application/vnd.microsoft.card.adaptive");
      const context = new SerializationContext(Versions.v1_4);
      const card = new AdaptiveCard();
      card.parse(attachment!.content, context);
      const faults = Array.from({ length: context.eventCount }, (_, i) => context.getEventAt(i).message);
      assert.deepEqual(faults, []);
      assert.equal(card.getItemCount(), attachment!.content.body.length);
      assert.ok(Buffer.byteLength(JSON.stringify(teamsMessage(message))) < 28_000);
    }
  });

  test("arrives at a workflow, its Markdown escaped", async () => {
    const result = await sendThrough(teams, { url: `${receiver.url}/workflows/x/triggers/manual/paths/invoke?sig=y` });
    assert.deepEqual(result, { outcome: "accepted", answer: "202 Accepted" });
    const { body } = receiver.requests.at(-1)!;
    assert.match(body, /\\\\\*bold\\\\\*/);
  });
});
