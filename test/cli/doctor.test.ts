import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pg from "pg";
import { judgeSpace } from "../../src/backup/doctor/examine-archive.ts";
import { judgeClock } from "../../src/backup/doctor/examine-own-database.ts";
import type { Finding } from "../../src/backup/doctor/finding.ts";
import { backupAwarenessProgram } from "../../src/cli/program.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { callCommand } from "../support/run-command.ts";
import { createDatabase, testServers } from "../support/servers.ts";

let database: MigratedDatabase;
let directory: string;

before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "host.example.com" });
  directory = await mkdtemp(join(tmpdir(), "doctor-"));
  await mkdir(join(directory, "data"));
});

after(async () => {
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

type Examined = { readonly code: number; readonly findings: readonly Finding[]; readonly text: string };

async function doctor(more: Record<string, string> = {}): Promise<Examined> {
  const variables = {
    PATH: process.env["PATH"] ?? "",
    BACKUP_AWARENESS_HOME: join(directory, "home"),
    BACKUP_AWARENESS_FQDN: "host.example.com",
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    BACKUP_AWARENESS_SCOPES_DB_URL: database.url,
    BACKUP_AWARENESS_SCOPES_FILES_PATHS: join(directory, "data"),
    BACKUP_AWARENESS_ARCHIVE_DIRECTORY: join(directory, "archives"),
    ...more,
  };
  const { code, stdout, stderr } = await callCommand(backupAwarenessProgram, ["doctor", "--json"], { variables });
  assert.match(stdout, /^\{/, stderr);
  return { code, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings, text: stdout };
}

const problems = (examined: Examined): readonly string[] =>
  examined.findings.filter(({ level }) => level === "problem").map(({ what }) => what);

function find(examined: Examined, pattern: RegExp): Finding {
  const found = examined.findings.find(({ what }) => pattern.test(what));
  assert.ok(found, `${pattern} in ${examined.text}`);
  return found;
}

test("a machine on which tonight's backup will work has no problem; each warning says what to do", async () => {
  const examined = await doctor();
  assert.deepEqual(problems(examined), []);
  assert.equal(examined.code, 0);
  assert.equal(find(examined, /pg_dump \d+/).level, "ok");
  for (const finding of examined.findings) if (finding.level !== "ok") assert.ok(finding.todo);
});

test("finds a scope's database that is away, and a file that is not there", async () => {
  const examined = await doctor({
    BACKUP_AWARENESS_SCOPES_DB_URL: "postgres://app@127.0.0.1:1/app",
    BACKUP_AWARENESS_SCOPES_FILES_PATHS: join(directory, "gone"),
  });
  assert.equal(examined.code, 1);
  assert.match(find(examined, /^db: cannot reach/).todo ?? "", /scopes\.db\.url/);
  assert.equal(find(examined, /gone does not exist/).level, "problem");
});

test("judges the space by the last whole archive, not by a later one of some scopes alone", async () => {
  const archives = join(directory, "partial archives");
  await mkdir(archives);
  const at = { whole: new Date("2026-11-23T01:30:00Z"), partial: new Date("2026-11-24T01:30:00Z") };
  for (const [name, sizeBytes, time] of [
    ["host.example.com-20261123T013000Z.tar.zst", 2048, at.whole],
    ["host.example.com-20261124T013000Z-files.tar.zst", 1, at.partial],
  ] as const) {
    await writeFile(join(archives, name), Buffer.alloc(sizeBytes));
    await utimes(join(archives, name), time, time);
  }
  find(await doctor({ BACKUP_AWARENESS_ARCHIVE_DIRECTORY: archives }), /the last archive took 2\.0 KiB/);
});

test("says in which file the application is to be named", async () => {
  const none = { BACKUP_AWARENESS_SCOPES_DB_URL: "", BACKUP_AWARENESS_SCOPES_FILES_PATHS: "" };
  const todo = find(await doctor(none), /only Backup Awareness itself/).todo ?? "";
  assert.ok(todo.includes(join(directory, "home", "config.toml")), todo);
});

test("finds a wrong password", async () => {
  const url = new URL(database.url);
  url.password = "wrong";
  const examined = await doctor({ BACKUP_AWARENESS_SCOPES_DB_URL: url.href });
  assert.equal(find(examined, /^db: .*password authentication failed/).level, "problem");
  assert.ok(!examined.text.includes("wrong"));
});

test(
  "finds that no pg_dump can read a newer server",
  { skip: testServers.length < 2 ? "only one PostgreSQL to test against" : false },
  async () => {
    const newest = testServers.at(-1)!;
    const application = await createDatabase(newest);
    try {
      const examined = await doctor({ BACKUP_AWARENESS_SCOPES_DB_URL: application.url, PATH: "/nonexistent" });
      const found = examined.findings.find(({ what }) => what.includes("pg_dump"));
      assert.ok(found);
      // A machine that has the newest client programs is fine.
      if (found.level === "problem") assert.match(found.todo ?? "", new RegExp(`postgresql-client-${newest.major}`));
    } finally {
      await application.drop();
    }
  },
);

test("finds tables that the dumping role may not read", async () => {
  const application = await createDatabase(testServers[0]!);
  const client = new pg.Client({ connectionString: application.url });
  await client.connect();
  const role = `app_${application.name.slice(-12)}`;
  try {
    await client.query(`create table secret_table (id int); create role ${role} login password 'pw'`);
    const url = new URL(application.url);
    [url.username, url.password] = [role, "pw"];
    const examined = await doctor({ BACKUP_AWARENESS_SCOPES_DB_URL: url.href });
    assert.equal(find(examined, /may not read 1 tables, secret_table/).level, "problem");
  } finally {
    await client.query(`drop role ${role}`);
    await client.end();
    await application.drop();
  }
});

test("finds reports that wait, and reports that were refused", async () => {
  const spool = join(directory, "spool-home", "spool");
  await mkdir(join(spool, "refused"), { recursive: true });
  await writeFile(join(spool, "000000000001-00000000-0000-0000-0000-000000000000.json"), "{}");
  await writeFile(join(spool, "refused", "000000000001-00000000-0000-0000-0000-000000000001.json"), "{}");
  const examined = await doctor({ BACKUP_AWARENESS_HOME: join(directory, "spool-home") });
  assert.equal(find(examined, /1 reports wait/).level, "warning");
  assert.equal(find(examined, /1 reports were refused/).level, "warning");
});

test("finds a database without our schema, and leaves it so", async () => {
  const empty = await createDatabase(testServers[0]!);
  try {
    const examined = await doctor({ BACKUP_AWARENESS_DATABASE_URL: empty.url });
    assert.match(
      find(examined, /cannot be used: the database holds no Backup Awareness yet/).todo ?? "",
      /database migrate/,
    );
    assert.equal(examined.code, 1);
  } finally {
    await empty.drop();
  }
});

test("finds an archive directory that cannot be written", async () => {
  // A file in the way stops root, too.
  const file = join(directory, "file");
  await writeFile(file, "");
  const examined = await doctor({ BACKUP_AWARENESS_ARCHIVE_DIRECTORY: join(file, "archives") });
  assert.equal(find(examined, /cannot be written/).level, "problem");
});

test("space is judged by the last archive, else by what the databases hold", () => {
  const judge = (freeBytes: number, lastArchiveBytes: number | null, databaseBytes: number | null) =>
    judgeSpace({ freeBytes, lastArchiveBytes, databaseBytes }).level;
  assert.equal(judge(99, 100, 0), "problem");
  assert.equal(judge(110, 100, 0), "warning");
  assert.equal(judge(121, 100, 1000), "ok");
  assert.equal(judge(999, null, 1000), "warning");
  assert.equal(judge(1000, null, 1000), "ok");
  assert.equal(judge(0, null, null), "problem");
});

test("clocks may differ by a minute", () => {
  assert.equal(judgeClock(60_000).level, "ok");
  assert.equal(judgeClock(-60_001).level, "problem");
  assert.match(judgeClock(90_000).what, /90 s ahead/);
});
