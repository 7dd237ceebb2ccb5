import assert from "node:assert/strict";
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readVerificationRecord } from "../../../src/backup/verification-record.ts";
import { execute } from "../backup-fixture.ts";
import { engine, engineBackup } from "../engine-fixture.ts";

async function eventsOf(url: string): Promise<string[]> {
  const { rows } = (await execute(
    url,
    "select log_type_name || ' ' || severity || ' ' || fqdn || ' ' || (actor is not null) || ': ' || message as told from backup_awareness.audit_log where log_type between 9123 and 9125 order by id",
  )) as { rows: { told: string }[] };
  return rows.map(({ told }) => told);
}

describe("engine-backup --mode=verify", () => {
  it("verifies the newest archive, remembers it beside the archive, and logs an event", async (test) => {
    const { env, archives, url } = await engine(test);
    assert.equal((await engineBackup(env, "--mode=backup")).code, 0);
    const [name = ""] = await readdir(archives);
    const path = join(archives, name);
    assert.equal(await readVerificationRecord(path), null);
    const { code, stdout, stderr } = await engineBackup(env, "--mode=Verify");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Archive .*: verified\n {2}db .*custom dump, \d+ tables with data.*\n {2}files .*\n/);
    assert.ok((await readVerificationRecord(path))?.verifiedAt instanceof Date);
    const [event, ...others] = await eventsOf(url);
    assert.match(event ?? "", /^ARCHIVE_VERIFIED 0 engine\.example\.com true: ".*" was verified: /);
    assert.deepEqual(others, []);
    // Another time of change: it may be another file.
    await utimes(path, new Date(), new Date(0));
    assert.equal(await readVerificationRecord(path), null);
  });

  it("ends with 1 and says what is wrong, forgets that it was verified, and logs that", async (test) => {
    const { env, archives, url } = await engine(test);
    await engineBackup(env, "--mode=backup");
    const path = join(archives, (await readdir(archives))[0] ?? "");
    await engineBackup(env, "--mode=verify", "--no-report");
    assert.deepEqual(await eventsOf(url), []);
    const bytes = await readFile(path);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const { code, stdout } = await engineBackup(env, "--mode=verify", `--file=${path}`);
    assert.equal(code, 1);
    assert.match(stdout, /: not whole\n[^]*problem: the archive is damaged: .*\n {3}hint: /);
    assert.deepEqual(
      (await readdir(archives)).filter((name) => name.startsWith(".")),
      [],
    );
    assert.match((await eventsOf(url)).join(), /^ARCHIVE_NOT_VERIFIED 2 engine\.example\.com true: /);
  });

  it("prints JSON for scripts, and nothing else to standard output", async (test) => {
    const { env, archives } = await engine(test);
    await engineBackup(env, "--mode=backup", "--scope=files");
    const { code, stdout } = await engineBackup(env, "--mode=verify", "--json");
    const told = JSON.parse(stdout) as { passed: boolean; archive: string; scopes: Record<string, { files: number }> };
    assert.deepEqual([code, told.passed, Object.keys(told.scopes)], [0, true, ["files"]]);
    assert.ok(told.archive.startsWith(archives));
    await writeFile(told.archive, "not an archive");
    const foreign = await engineBackup(env, "--mode=verify", "--json", `--file=${told.archive}`);
    const problems = (JSON.parse(foreign.stdout) as { problems: { code: string }[] }).problems;
    assert.deepEqual([foreign.code, problems.map((problem) => problem.code)], [1, ["ARCHIVE_FOREIGN"]]);
  });

  it("works while the database is away, and where there is no archive says so", async (test) => {
    const { env } = await engine(test);
    const none = await engineBackup(env, "--mode=verify");
    assert.equal(none.code, 1);
    assert.match(none.stderr, /there is no archive of engine\.example\.com in .*\nhint: /);
    await engineBackup(env, "--mode=backup", "--scope=files");
    const away = { ...env, BACKUP_AWARENESS_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" };
    const { code, stderr } = await engineBackup(away, "--mode=verify");
    assert.equal(code, 0);
    assert.match(stderr, /warning: it stands in no event that the archive was looked at: /);
  });

  it("is refused what belongs to a backup", async (test) => {
    const { env } = await engine(test);
    const { code, stderr } = await engineBackup(env, "--mode=verify", "-T", "job");
    assert.equal(code, 2);
    assert.match(stderr, /--exclude-table belongs to --mode=backup, not to --mode=verify\nhint: leave it out/);
  });
});
