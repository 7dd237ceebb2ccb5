import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { findLockHolder, takeLock, withLock } from "../../../src/database/embedded/lock.ts";

async function lockFor(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lock-"));
  context.after(() => rm(directory, { recursive: true }));
  return join(directory, "lock");
}

test("only one works at a time, however many want to", async (context) => {
  const directory = await lockFor(context);
  let working = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: 20 }, () =>
      withLock(directory, 30_000, async () => {
        assert.equal(++working, 1);
        await delay(1);
        working--;
        done++;
      }),
    ),
  );
  assert.equal(done, 20);
  assert.ok((await readdir(directory)).length < 20, "old tickets are removed");
});

test("who does not get it in time is told who holds it", async (context) => {
  const directory = await lockFor(context);
  const lock = await takeLock(directory, 0);
  await assert.rejects(takeLock(directory, 0), {
    code: "HOME_IN_USE",
    message: new RegExp(`process ${process.pid} holds`),
  });
  await assert.rejects(takeLock(directory, 50), { code: "HOME_IN_USE", message: /within 0\.05 s/ });
  assert.equal(await findLockHolder(directory), process.pid);
  await lock.release();
  assert.equal(await findLockHolder(directory), null);
  await (await takeLock(directory, 0)).release();
});

test("it is let go of when the work fails", async (context) => {
  const directory = await lockFor(context);
  await assert.rejects(
    withLock(directory, 0, () => Promise.reject(new Error("work"))),
    /work/,
  );
  await withLock(directory, 0, () => Promise.resolve());
});

test("a holder whose number was given to another process, and a torn file, hold nothing", async (context) => {
  const directory = await lockFor(context);
  await (await takeLock(directory, 0)).release();
  await writeFile(join(directory, "7"), JSON.stringify({ pid: process.pid, identity: "an earlier boot", free: false }));
  await (await takeLock(directory, 0)).release();
  await writeFile(join(directory, "20"), "{");
  await (await takeLock(directory, 0)).release();
  assert.equal(await findLockHolder(join(directory, "nowhere")), null);
});
