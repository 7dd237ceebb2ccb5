import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { command } from "../../../src/notification/channels/command/command.ts";
import { temporaryDirectory } from "../../backup/temporary-directory.ts";
import { sendThrough } from "../../support/example-message.ts";

describe("a local command", () => {
  const run = (script: string, more: string[] = [], allowCommand = true) =>
    sendThrough(command, { command: ["/bin/sh", "-c", script, "sh", ...more] }, { allowCommand });

  test("is off unless the settings allow it", async (t) => {
    const file = join(await temporaryDirectory(t), "ran");
    const result = await run(`touch ${file}`, [], false);
    assert.equal(result.outcome, "permanent");
    assert.match(result.answer, /notification\.allow_command/);
    await assert.rejects(readFile(file));
  });

  test("reads the message as JSON, and finds its title in the environment; nothing of it reaches a shell", async (t) => {
    const file = join(await temporaryDirectory(t), "message.json");
    const result = await run('cat > "$1"; echo "$BACKUP_AWARENESS_MESSAGE_TITLE"', [file]);
    assert.deepEqual(result, { outcome: "accepted", answer: "exit code 0: Backup too old: db1.example.com" });
    const json = JSON.parse(await readFile(file, "utf8")) as { kind: string; events: unknown[] };
    assert.deepEqual([json.kind, json.events.length], ["raised", 1]);
  });

  test("is tried again where it fails, and not where it cannot be started", async () => {
    assert.deepEqual(await run("echo broken >&2; exit 3"), { outcome: "temporary", answer: "exit code 3: broken" });
    const missing = await sendThrough(command, { command: ["/nonexistent/tool"] }, { allowCommand: true });
    assert.equal(missing.outcome, "permanent");
    await assert.rejects(sendThrough(command, { command: ["tool"] }, { allowCommand: true }), /absolute path/);
  });

  test("that does not read its input is no failure; one that does not end is killed", async () => {
    assert.equal((await run("exit 0")).outcome, "accepted");
    const stop = new AbortController();
    const sent = sendThrough(
      command,
      { command: ["/bin/sh", "-c", "exec sleep 60"] },
      { allowCommand: true, signal: stop.signal },
    );
    setImmediate(() => {
      stop.abort();
    });
    assert.equal((await sent).outcome, "temporary");
  });
});
