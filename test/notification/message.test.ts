import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { testMessage } from "../../src/notification/message.ts";
import { renderHtml } from "../../src/notification/render-html.ts";
import { renderText } from "../../src/notification/render-text.ts";
import { exampleMessage, exampleNow, exampleStorm, exampleTold } from "../support/example-message.ts";

describe("a message", () => {
  test("says which engine, since when, how old the last good backup is, why, what to do, and where to look", () => {
    const message = exampleMessage();
    assert.equal(message.title, "Backup too old: db1.example.com");
    assert.equal(message.severity, "alert");
    assert.equal(
      renderText(message),
      `Engine:           db1.example.com
Since:            5 hours ago (2026-11-22 22:00:00 UTC)
Last full backup: 29 hours ago (2026-11-21 22:00:00 UTC)
Last good db:     29 hours ago (2026-11-21 22:00:00 UTC)
Last good files:  4 hours ago (2026-11-22 23:00:00 UTC)
What:             The last full backup of engine db1.example.com is of 2026-11-21 22:00:00 UTC and too old since 2026-11-22 22:00:00 UTC.

Last words of the tool:
  db: pg_dump: error: connection to server failed: "no space left" <&> *bold* \`code\`

What to do: Run engine-backup on db1.example.com, or its own backup tool and report it; this goes by itself once every required scope has a fresh backup.

https://backup.example.com/engines/db1.example.com`,
    );
  });

  test("says never where nothing was ever backed up", () => {
    const message = exampleMessage({
      told: [exampleTold({ type: "ENGINE_NO_FULL_BACKUP" })],
      engines: new Map([["db1.example.com", { fullBackupAt: null, requiredScopes: ["db"], scopes: new Map() }]]),
    });
    assert.equal(message.title, "No full backup: db1.example.com");
    assert.match(renderText(message), /^Last full backup: never\nLast good db: +never$/m);
  });

  test("is one line of title in every kind: raised, reminded, cleared, failed, stalled, a channel, another event", () => {
    const titles = [
      exampleMessage({ kind: "reminder" }),
      exampleMessage({ kind: "cleared", told: [exampleTold({ clearedAt: exampleNow })] }),
      exampleMessage({
        kind: "event",
        told: [exampleTold({ type: "ENGINE_BACKUP_FAILED", scope: "db", alertId: null })],
      }),
      exampleMessage({ told: [exampleTold({ type: "ENGINE_BACKUP_STALLED", scope: "files" })] }),
      exampleMessage({ told: [exampleTold({ type: "CHANNEL_FAILING", scope: "ops" })] }),
      exampleMessage({ kind: "event", told: [exampleTold({ type: "OPTION_CHANGED", fqdn: null, alertId: null })] }),
    ].map(({ title }) => title);
    assert.deepEqual(titles, [
      "Still open: backup too old: db1.example.com",
      "Resolved: backup too old: db1.example.com",
      "Backup of db failed: db1.example.com",
      "Backup of files stalled: db1.example.com",
      "Notification channel fails: ops",
      "Option changed: Backup Awareness",
    ]);
  });

  test("that resolves says from when to when, asks for nothing and has no severity", () => {
    const message = exampleMessage({ kind: "cleared", told: [exampleTold({ clearedAt: exampleNow })] });
    assert.deepEqual([message.severity, message.nextStep], ["normal", null]);
    assert.match(renderText(message), /^Until: +just now \(2026-11-23 03:00:00 UTC\)$/m);
    assert.doesNotMatch(renderText(message), /Last words/);
  });

  test("of a storm counts by kind, lists, and says how many it leaves out", () => {
    const message = exampleStorm(10_000);
    assert.equal(message.title, "10000 engines with a backup too old");
    const text = renderText(message);
    assert.match(text, /^\* e0\.example\.com: backup too old, since 2026-11-22 22:00:00 UTC \(5 hours ago\)$/m);
    assert.match(text, /^… and 9000 more\.$/m);
    assert.ok(text.length < 100_000);
  });

  test("of several kinds names each", () => {
    const message = exampleMessage({
      told: [exampleTold(), exampleTold({ fqdn: "a" }), exampleTold({ fqdn: "b", type: "ENGINE_NO_FULL_BACKUP" })],
      total: 3,
    });
    assert.equal(message.title, "3 alerts: 2 engines with a backup too old, 1 engine without a full backup");
  });

  test("shows a tool's control characters, and its end where it said too much", () => {
    const words = `\u001b[31m${"x".repeat(5000)} the reason`;
    const status = {
      last_success_at: null,
      last_failure_at: "2026-11-22T22:00:00.000Z",
      last_failure_message: words,
      running_since: null,
      stalled: false,
    };
    const [item] = exampleMessage({
      engines: new Map([
        ["db1.example.com", { fullBackupAt: null, requiredScopes: ["db"], scopes: new Map([["db", status]]) }],
      ]),
    }).items;
    assert.ok(item!.lastWords!.length < 2000);
    assert.match(item!.lastWords!, /^\[\.\.\.\] x.*the reason$/);
    assert.doesNotMatch(renderText(exampleMessage({ told: [exampleTold({ text: words })] })), /\u001b/);
  });

  test("in HTML escapes what others wrote and loads nothing", () => {
    const html = renderHtml(exampleMessage());
    assert.match(html, /&quot;no space left&quot; &lt;&amp;&gt;/);
    assert.doesNotMatch(html, /<script|<img|<link|src=/);
  });

  test("of a test asks for nothing", () => {
    const message = testMessage(
      { now: exampleNow, publicUrl: null, hostFqdn: "watch.example.com", id: "delivery-1" },
      "ops",
    );
    assert.equal(message.title, "Test of channel ops");
    assert.match(renderText(message), /Nothing has to be done\.$/);
  });
});
