import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { execute } from "./backup-fixture.ts";
import { engine, engineBackup } from "./engine-fixture.ts";

type Listed = {
  archives: { archive: string; fqdn: string; scopes: string[]; verified_at: string | null }[];
  unusable: { archive: string; code: string }[];
};

const visible = async (directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => !name.startsWith("."));

describe("engine-backup --list", () => {
  it("shows each archive with its scopes and whether it was verified, and the files that cannot be used", async (test) => {
    const { env, archives } = await engine(test);
    const none = await engineBackup(env, "--list");
    assert.deepEqual([none.code, none.stdout], [0, ""]);
    await engineBackup(env, "--scope=files");
    await engineBackup(env, "--mode=verify");
    await engineBackup({ ...env, BACKUP_AWARENESS_FQDN: "other.example.com" }, "--scope=files");
    const [other = ""] = (await readdir(archives)).filter((name) => name.startsWith("other"));
    await copyFile(join(archives, other), join(archives, "short.tar.zst"));
    await truncate(join(archives, "short.tar.zst"), 700);
    await writeFile(join(archives, "notes.txt"), "no archive");
    await mkdir(join(archives, "directory.tar.zst"));
    const { code, stdout } = await engineBackup(env, "--list", "--json");
    const told = JSON.parse(stdout) as Listed;
    assert.equal(code, 0);
    assert.deepEqual(
      told.archives.map(({ fqdn, scopes, verified_at }) => [fqdn, scopes.join(), verified_at !== null]),
      [
        ["other.example.com", "files", false],
        ["engine.example.com", "files", true],
      ],
    );
    assert.deepEqual(
      told.unusable.map(({ code: each }) => each),
      ["ARCHIVE_TRUNCATED"],
    );
    const table = (await engineBackup(env, "--list")).stdout;
    assert.match(table, /^TIME +SCOPES +SIZE +VERIFIED +ENGINE +ARCHIVE\n.* files .* no +other\.example\.com /);
    assert.match(table, /unusable: short\.tar\.zst: /);
  });

  it("is refused beside --mode", async (test) => {
    const { env } = await engine(test);
    const { code, stderr } = await engineBackup(env, "--list", "--mode=verify");
    assert.equal(code, 2);
    assert.match(stderr, /--list and --mode contradict each other\nhint: write --list without --mode/);
  });
});

describe("engine-backup --keep", () => {
  it("removes older archives of this engine, and of no other, and says so", async (test) => {
    const { env, archives, url } = await engine(test);
    await engineBackup({ ...env, BACKUP_AWARENESS_FQDN: "other.example.com" }, "--scope=files");
    await writeFile(join(archives, "engine.example.com-20200101T000000Z.tar.zst"), "named as one of ours");
    await engineBackup(env, "--scope=files");
    await engineBackup(env, "--mode=verify");
    const [first = ""] = (await visible(archives)).filter((name) => name.startsWith("engine.example.com-2026"));
    // Whatever its name: it is known by its manifest.
    await rename(join(archives, first), join(archives, "renamed"));
    await engineBackup(env, "--scope=files");
    await engineBackup(env, "--mode=verify");
    const dry = await engineBackup(env, "--keep=1", "--dry-run");
    assert.match(dry.stdout, /would be removed: .*renamed .*\n1 would be removed, 1 kept, /);
    assert.equal((await visible(archives)).length, 4);
    const { code, stdout, stderr } = await engineBackup(env, "--scope=files", "--keep=2", "--json");
    assert.equal(code, 0, stderr);
    assert.deepEqual((JSON.parse(stdout) as { removed: string[] }).removed, [join(archives, "renamed")]);
    const left = await visible(archives);
    assert.equal(left.length, 4);
    assert.ok(left.some((name) => name.startsWith("other.example.com")));
    assert.ok(left.includes("engine.example.com-20200101T000000Z.tar.zst"));
    const { rows } = await execute(url, "select message from backup_awareness.audit_log where log_type = 9125");
    assert.equal(rows.length, 1);
    // The newest and the last verified one are two.
    const { stdout: told } = await engineBackup(env, "--scope=files", "--keep=1");
    assert.match(told, /1 removed, 2 kept, /);
  });

  it("removes nothing when the run failed in any part", async (test) => {
    const { env, archives } = await engine(test);
    await engineBackup(env, "--scope=files");
    await engineBackup(env, "--scope=files");
    const failing = { ...env, BACKUP_AWARENESS_SCOPES_DB_URL: "postgres://nobody@127.0.0.1:1/none" };
    const { code } = await engineBackup(failing, "--keep=1");
    assert.equal(code, 1);
    assert.equal((await visible(archives)).length, 3);
  });

  it("is refused where it would reach beyond the archive directory, and a dry run without it", async (test) => {
    const { env } = await engine(test);
    const beyond = await engineBackup(env, "--keep=1", "--file=/tmp/archive");
    assert.equal(beyond.code, 2);
    assert.match(beyond.stderr, /--keep and --file contradict each other/);
    const dry = await engineBackup(env, "--dry-run");
    assert.equal(dry.code, 2);
    assert.match(dry.stderr, /--dry-run says nothing without --keep or --keep-days\nhint: as in: --keep=7 --dry-run/);
    assert.equal((await engineBackup(env, "--keep=0")).code, 2);
  });
});
