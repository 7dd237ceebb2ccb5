import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, readdir, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { lockDirectory, lockName } from "../../src/backup/archive-lock.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const run = promisify(execFile);
const self = { pid: process.pid, hostName: hostname(), clock: () => new Date("2026-11-24T01:30:00Z") };

describe("the lock of an archive directory", () => {
  it("keeps a second run out, and tells who holds it and since when", async (test) => {
    const directory = await temporaryDirectory(test);
    const lock = await lockDirectory(directory, self);
    await assert.rejects(lockDirectory(directory, self), (error: Error & { code?: string }) => {
      assert.equal(error.code, "BACKUP_RUNNING");
      assert.match(error.message, new RegExp(`process ${process.pid}, since 2026-11-24T01:30:00\\.000Z`));
      return true;
    });
    await lock.release();
    await (await lockDirectory(directory, self)).release();
    assert.deepEqual(await readdir(directory), []);
  });

  it("is given to one of many who ask at once", async (test) => {
    const directory = await temporaryDirectory(test);
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory, self)));
    const given = asked.filter(({ status }) => status === "fulfilled");
    assert.equal(given.length, 1);
    for (const each of asked) if (each.status === "fulfilled") await each.value.release();
  });

  it("of a dead process is taken over", async (test) => {
    const directory = await temporaryDirectory(test);
    const dead = {
      pid: process.pid,
      hostName: hostname(),
      identity: "another start of that number",
      since: "2026-11-23T01:30:00.000Z",
    };
    await writeFile(join(directory, lockName), `${JSON.stringify(dead)}\n`);
    await (await lockDirectory(directory, self)).release();
    assert.deepEqual(await readdir(directory), []);
  });

  it("of a dead process that cannot be removed is told, and not asked for again for ever", async (test) => {
    const directory = await temporaryDirectory(test);
    const dead = { pid: process.pid, hostName: hostname(), identity: "another", since: "2026-11-23T01:30:00.000Z" };
    await writeFile(join(directory, lockName), `${JSON.stringify(dead)}\n`);
    // Modes do not stop root, an immutable directory does.
    const isRoot = process.getuid?.() === 0;
    try {
      await (isRoot ? run("chattr", ["+i", directory]) : chmod(directory, 0o500));
    } catch {
      test.skip("this file system has no immutable directories");
      return;
    }
    try {
      await assert.rejects(lockDirectory(directory, self), /cannot remove the lock of a dead run/);
    } finally {
      await (isRoot ? run("chattr", ["-i", directory]) : chmod(directory, 0o700));
    }
  });

  it("of another host counts as long as that shows that it lives", async (test) => {
    const directory = await temporaryDirectory(test);
    const path = join(directory, lockName);
    await writeFile(
      path,
      `${JSON.stringify({ pid: 1, hostName: "elsewhere", identity: "x", since: "2026-11-23T01:30:00.000Z" })}\n`,
    );
    await assert.rejects(lockDirectory(directory, self), /process 1 on host elsewhere/);
    const longAgo = new Date(Date.now() - 600_000);
    await utimes(path, longAgo, longAgo);
    await (await lockDirectory(directory, self)).release();
  });

  it("that a power cut left empty or torn is taken over", async (test) => {
    const directory = await temporaryDirectory(test);
    await writeFile(join(directory, lockName), '{"pid": 12\n');
    await (await lockDirectory(directory, self)).release();
  });

  it("says so when the directory is not there", async (test) => {
    const directory = join(await temporaryDirectory(test), "missing");
    await assert.rejects(lockDirectory(directory, self), {
      code: "BACKUP_FAILED",
      message: /no such file or directory/,
    });
  });
});
