import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import pg from "pg";
import { backupAwarenessProgram } from "../../src/cli/program.ts";
import { type TestDaemon, startDaemon } from "../support/daemon.ts";
import { startReceiver } from "../support/http-receiver.ts";
import { type MailServer, readablePart, startMailServer, testCaFile } from "../support/mail-server.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { callCommand, type Outcome } from "../support/run-command.ts";
import { testServers } from "../support/servers.ts";
import { waitUntil } from "../support/wait-until.ts";

/* Commands, daemon, mail server and database together, as an administrator meets them. */

const ownFqdn = "host.example.com";
const password = "uns3en-passw0rd";
const token = "uns3en-t0ken-in-a-path";

describe("notifications", () => {
  let database: MigratedDatabase;
  let pool: pg.Pool;
  let home: string;
  let mail: MailServer;
  let daemon: TestDaemon | null = null;
  const said: string[] = [];

  before(async () => {
    database = await createMigratedDatabase(testServers[0]!, { ownFqdn });
    pool = new pg.Pool({ connectionString: database.url, max: 2 });
    home = await mkdtemp(join(tmpdir(), "notifications-"));
    mail = await startMailServer({ login: { user: "backup", password } });
    await writeFile(join(home, "password"), `${password}\n`);
  });
  after(async () => {
    await daemon?.end("SIGTERM");
    await mail.close();
    await pool.end();
    await database.drop();
    await rm(home, { recursive: true, force: true });
  });

  const variables = () => ({
    BACKUP_AWARENESS_HOME: home,
    BACKUP_AWARENESS_FQDN: ownFqdn,
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    BACKUP_AWARENESS_SCOPES_DB_URL: "postgres://app@db.example.com/app",
    BACKUP_AWARENESS_NOTIFICATION_ALLOW_PRIVATE_ADDRESSES: "127.0.0.0/8",
  });
  const call = async (...parameters: string[]): Promise<Outcome> => {
    const outcome = await callCommand(backupAwarenessProgram, parameters, { variables: variables() });
    said.push(outcome.stdout, outcome.stderr);
    return outcome;
  };
  const done = async (...parameters: string[]): Promise<string> => {
    const { code, stdout, stderr } = await call(...parameters);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const addMailChannel = () =>
    done(
      ...["channel", "add", "ops", "--kind", "email", "--set", "host=localhost", "--set", `port=${mail.port}`],
      ...["--set", "username=backup", "--secret", `password=${join(home, "password")}`],
      ...["--set", "from=watch@example.com", "--set", "to=ann@example.com", "--set", `ca_file=${testCaFile}`],
    );

  test("a channel is added, listed without its secrets, tried, and says what was answered", async () => {
    await addMailChannel();
    const list = await done("channel", "list");
    assert.match(list, /^ops +email +not tried yet +0 .*to=ann@example\.com .*host=localhost port=\d+/m);
    assert.match(await done("channel", "test", "ops"), /^accepted: 250 accepted for delivery/);
    assert.match(mail.letters.at(-1)!.source, /^Subject: \[Backup Awareness\] Test of channel ops/m);
    assert.match(await done("channel", "list"), /^ops +email +delivered /m);
    const [delivery] = JSON.parse(await done("deliveries", "--json")) as { kind: string; outcome: string }[];
    assert.deepEqual([delivery?.kind, delivery?.outcome], ["test", "accepted"]);
  });

  test("a secret on the command line is refused, as is what is missing, misspelt or unknown, each by name", async () => {
    for (const [words, expected] of [
      [["channel", "add", "x", "--kind", "email", "--set", "password=p"], /password is a secret/],
      [["channel", "add", "x", "--kind", "email"], /host is missing/],
      [["channel", "add", "x", "--kind", "webhok", "--set", "url=x"], /did you mean webhook/],
      [["channel", "add", "x", "--kind", "webhook", "--set", "ulr=x"], /did you mean url/],
      [["channel", "add", "X", "--kind", "command", "--set", "command=/bin/true"], /"X" is no name of a channel/],
      [["channel", "add", "ops", "--kind", "command", "--set", "command=/bin/true"], /channel ops already/],
      [["channel", "test", "nobody"], /no channel "nobody"/],
      [["rule", "add", "--channel", "nobody"], /no channel "nobody"/],
      [["rule", "remove", "99"], /no rule 99/],
      [["maintenance", "add"], /either --to or --for/],
      [
        ["maintenance", "add", "--days", "sat", "--at", "22:00", "--for", "1h", "--time-zone", "Mars"],
        /"Mars" is no time zone/,
      ],
    ] as const) {
      const { code, stderr } = await call(...words);
      assert.notEqual(code, 0, words.join(" "));
      assert.match(stderr, expected);
    }
  });

  test("an alert and its end arrive by mail, a failure too, through a daemon that runs", async () => {
    await done("rule", "add", "--channel", "ops", "--engine", "db*.example.com");
    daemon = await startDaemon(variables());
    await daemon.healthy();
    const before = mail.letters.length;
    const report = (scope: string, status: number, message: string) =>
      pool.query("select backup_awareness.LogEngineBackupEvent($1, clock_timestamp(), $2, $3, 'db1.example.com', '')", [
        scope,
        status,
        message,
      ]);
    await report("db", -1, "pg_dump: error: disk full");
    const letters = await waitUntil("two letters", () =>
      mail.letters.length >= before + 2 ? mail.letters.slice(before) : null,
    );
    const subjects = letters.map(({ source }) => /^Subject: (.*)\r$/m.exec(source)?.[1]).sort();
    assert.deepEqual(subjects, [
      "[Backup Awareness] Backup of db failed: db1.example.com",
      "[Backup Awareness] No full backup: db1.example.com",
    ]);
    for (const { source } of letters) assert.match(readablePart(source, "text/plain"), /pg_dump: error: disk full/);
    await report("db", 1, "ok");
    await report("files", 1, "ok");
    const last = await waitUntil("a third letter", () => mail.letters[before + 2] ?? null);
    assert.match(last.source, /^Subject: \[Backup Awareness\] Resolved: no full backup: db1\.example\.com/m);
    const told = await waitUntil("all are accepted", async () => {
      const list = JSON.parse(await done("notifications", "--json")) as { kind: string; state: string }[];
      return list.every(({ state }) => state === "accepted") ? list : null;
    });
    assert.deepEqual(told.map(({ kind }) => kind).sort(), ["cleared", "event", "raised"]);
  });

  test("a channel that fails is an alert that the others tell, and its secret appears nowhere", async () => {
    const receiver = await startReceiver(({ path, headers }) => ({
      status: 401,
      body: `who are you? ${path} ${String(headers.authorization)}`,
    }));
    try {
      await writeFile(join(home, "url"), `${receiver.url}/${token}?key=${token}`);
      await writeFile(join(home, "header"), `Authorization: Bearer ${token}`);
      await done(
        "channel",
        "add",
        "hook",
        "--kind",
        "webhook",
        "--secret",
        `url=${join(home, "url")}`,
        "--secret",
        `header=${join(home, "header")}`,
      );
      const tried = await call("channel", "test", "hook");
      assert.equal(tried.code, 1);
      assert.match(tried.stderr, /hook does not deliver: 401 Unauthorized: who are you\? \/\*\*\*/);
      await done("rule", "add", "--channel", "hook");
      await done("rule", "add", "--channel", "ops", "--type", "CHANNEL_FAILING");
      await waitUntil(
        "a letter about the channel",
        () => mail.letters.find(({ source }) => source.includes("Notification channel fails: hook")) ?? null,
      );
      assert.match(await done("alerts"), /CHANNEL_FAILING/);
      said.push(
        await done("channel", "list", "--json"),
        await done("deliveries", "--json"),
        await done("events", "--json"),
      );
      const { stdout: dump } = await promisify(execFile)("pg_dump", [database.url, "--inserts"], {
        maxBuffer: 64 << 20,
      });
      said.push(dump, daemon!.log().join("\n"), ...mail.letters.map(({ source }) => source));
      for (const secret of [
        password,
        token,
        Buffer.from(password).toString("base64"),
        Buffer.from(token).toString("hex"),
      ])
        assert.ok(!said.join("\n").includes(secret), `found ${secret}`);
      await done("channel", "remove", "hook");
      assert.doesNotMatch(await done("alerts"), /CHANNEL_FAILING/);
    } finally {
      await receiver.close();
    }
  });

  test("rules and maintenance windows are listed as they were given, and removed", async () => {
    await done("rule", "add", "--channel", "ops", "--severity", "alert", "--remind-hours", "24", "--after-hours", "4");
    assert.match(await done("rule", "list"), /^\d+ +ops +all +all +alert or worse +every 24 h +4 h$/m);
    await done(
      "maintenance",
      "add",
      "--days",
      "sun,sat",
      "--at",
      "22:00",
      "--for",
      "8h",
      "--time-zone",
      "Europe/Berlin",
      "--engine",
      "*.LAB",
    );
    assert.match(
      await done("maintenance", "list"),
      /^\d+ +\*\.lab +sat,sun at 22:00 \(Europe\/Berlin\) for 480 minutes$/m,
    );
    const [window] = JSON.parse(await done("maintenance", "list", "--json")) as { id: number }[];
    await done("maintenance", "remove", String(window?.id));
    for (const { id } of JSON.parse(await done("rule", "list", "--json")) as { id: number }[])
      await done("rule", "remove", String(id));
    assert.equal(await done("rule", "list"), "");
  });
});
