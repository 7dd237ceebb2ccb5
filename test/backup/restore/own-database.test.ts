import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startDaemon } from "../../support/daemon.ts";
import { runCommand, type Variables } from "../../support/run-command.ts";
import { temporaryHome } from "../../database/embedded/temporary-home.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

async function home(test: TestContext): Promise<{ readonly variables: Variables; readonly archives: string }> {
  const temporary = await temporaryHome();
  test.after(() => temporary.remove());
  return {
    archives: join(temporary.home, "backups"),
    variables: {
      BACKUP_AWARENESS_HOME: temporary.home,
      BACKUP_AWARENESS_FQDN: "engine.example.com",
      TMPDIR: await temporaryDirectory(test),
    },
  };
}

async function succeed(variables: Variables, name: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(name, words, variables);
  assert.equal(code, 0, `${name} ${words.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

async function backUp(variables: Variables, archives: string): Promise<string> {
  await succeed(variables, "engine-backup", "--mode=backup");
  const [newest] = (await readdir(archives))
    .filter((name) => name.endsWith(".zst"))
    .toSorted()
    .toReversed();
  return join(archives, newest ?? "");
}

type Told = { readonly type: string; readonly scope: string | null; readonly message: string };
async function eventsOf(variables: Variables): Promise<Told[]> {
  const lines = await succeed(variables, "backup-awareness", "events", "--json", "--limit", "1000");
  return lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Told);
}

type Status = {
  engines: { fqdn: string; state: string; scopes: Record<string, { last_success_at: string | null }> }[];
};
const statusOf = async (variables: Variables) =>
  JSON.parse(await succeed(variables, "backup-awareness", "status", "--json")) as Status;

describe("our own database", { concurrency: 1 }, () => {
  it("restored on another home serves the same status and events, and knows the very archive that it came from", async (test) => {
    const first = await home(test);
    await succeed(first.variables, "backup-awareness", "engines", "add", "other.example.com");
    const archive = await backUp(first.variables, first.archives);
    const before = { status: await statusOf(first.variables), events: await eventsOf(first.variables) };

    const second = await home(test);
    const told = await succeed(
      second.variables,
      "engine-backup",
      "--mode=restore",
      "--scope=db",
      `--file=${archive}`,
      "--force",
    );
    assert.match(told, /db +restored and compared: \d+ tables, \d+ rows/);
    const after = { status: await statusOf(second.variables), events: await eventsOf(second.variables) };

    const states = ({ engines }: Status) => engines.map(({ fqdn, state }) => `${fqdn} ${state}`).toSorted();
    assert.deepEqual(states(after.status), states(before.status));
    assert.deepEqual(states(after.status), ["engine.example.com fresh", "other.example.com no_full_backup"]);
    const key = ({ type, scope, message }: Told) => `${type} ${scope ?? ""} ${message}`;
    const known = new Set(after.events.map(key));
    const lost = before.events.filter((event) => !known.has(key(event)));
    // Those of after the dump: the archive's own completed reports, which were made anew, and what followed from them.
    assert.deepEqual(
      lost.filter(
        ({ type }) =>
          type !== "ENGINE_BACKUP_COMPLETED" &&
          type !== "ENGINE_BACKUP_STARTED" &&
          type !== "ENGINE_ALERT_CLEARED" &&
          type !== "ENGINE_FULL_BACKUP_AVAILABLE",
      ),
      [],
    );
    const completed = after.events.filter(
      ({ type, message }) => type === "ENGINE_BACKUP_COMPLETED" && message.includes(archive),
    );
    assert.deepEqual(completed.map(({ scope }) => scope).toSorted(), ["db", "files"]);
    assert.ok(after.events.some(({ type }) => type === "ENGINE_RESTORE_COMPLETED"));
  });

  it("is restored while a daemon runs, which stands back meanwhile and then works on", async (test) => {
    const { variables, archives } = await home(test);
    const daemon = await startDaemon(variables);
    test.after(() => daemon.end("SIGTERM"));
    await daemon.healthy();
    const archive = await backUp(variables, archives);
    await succeed(variables, "backup-awareness", "engines", "add", "added-later.example.com");
    await succeed(
      variables,
      "engine-backup",
      "--mode=restore",
      "--scope=db",
      `--file=${archive}`,
      "--force",
      "--drop-former",
    );
    await daemon.logged(/standing back while process \d+ restores it/);
    await daemon.logged(/^database is back after/);
    await daemon.healthy();
    const { engines } = await statusOf(variables);
    assert.deepEqual(
      engines.map(({ fqdn, state }) => `${fqdn} ${state}`),
      ["engine.example.com fresh"],
    );
    assert.deepEqual((await daemon.end("SIGTERM")).code, 0);
  });
});
