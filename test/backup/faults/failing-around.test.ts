import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startTestServers } from "../../support/start-servers.ts";
import { memberNames } from "../archive-content.ts";
import { applicationDatabase, backupBench, execute, toldReports, type Bench } from "../backup-fixture.ts";

const largeTable = "create table t as select repeat(md5(g::text), 30) as b from generate_series(1, 60000) g";

/** What must hold after any failure: nothing that looks like a backup, nothing temporary, and a next run that succeeds. */
async function demandCleanAndWell(bench: Bench, run: () => Promise<{ readonly archive: unknown }>): Promise<void> {
  assert.deepEqual(await readdir(bench.archiveDirectory), []);
  assert.notEqual((await run()).archive, null);
}

/** Works on a small file system of its own; skips the test where this user or container may not mount one. */
async function onOwnFileSystem(
  test: TestContext,
  directory: string,
  options: string,
  work: () => Promise<void>,
): Promise<void> {
  await mkdir(directory);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory]).status !== 0) {
    test.skip("mounting is not allowed here");
    return;
  }
  try {
    await work();
  } finally {
    assert.equal(spawnSync("umount", [directory]).status, 0, "something is still open there");
  }
}

describe("a backup, while what is around it fails,", { concurrency: 1 }, () => {
  it("has failed when the password is wrong, says so, and backs up the rest", async (test) => {
    const right = await applicationDatabase(test, "create table t (i int)");
    const wrong = new URL(right);
    wrong.password = "not-the-password";
    const bench = await backupBench(test, { db: wrong.href, dwhdb: right });
    const result = await bench.run();
    assert.equal(
      toldReports(bench.reports),
      "db started, db failed, dwhdb started, files started, dwhdb completed, files completed",
    );
    assert.match(bench.reports[1]?.outputMessage ?? "", /password/);
    assert.doesNotMatch(bench.logLines.join("\n"), /not-the-password/);
    assert.ok((await memberNames(result.archive?.path)).includes("./db/dwh_backup.db"));
  });

  it("has failed when the server is stopped in mid-run, and succeeds when there is one again", async (test) => {
    const started = await startTestServers();
    test.after(() => started.stop());
    const url = started.servers[0]?.superuserUrl ?? assert.fail("no server");
    await execute(url, largeTable);
    const bench = await backupBench(test, { db: url });
    const stopping: Promise<void>[] = [];
    const result = await bench.run(
      { scopes: ["db"] },
      {
        onProgress: (progress) => {
          if (progress.step === "packed" && progress.bytes > 300_000 && stopping.length === 0)
            stopping.push(started.stop());
        },
      },
    );
    await Promise.all(stopping);
    assert.equal(result.archive, null);
    assert.match(bench.reports[1]?.outputMessage ?? "", /terminating connection|server closed the connection/);
    const again = await backupBench(test, { db: await applicationDatabase(test, largeTable) });
    await mkdir(again.archiveDirectory);
    await demandCleanAndWell(bench, () => again.run());
  });

  it("has failed in bounded time when a server takes the connection of pg_dump and never answers", async (test) => {
    const url = await applicationDatabase(test, "create table t (i int)");
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    test.after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const address = silent.address();
    const silentUrl = new URL(url);
    silentUrl.port = String(typeof address === "object" ? address?.port : 0);
    const bench = await backupBench(test, { db: url });
    const { openDatabase } = bench.means;
    const result = await bench.run(
      { scopes: ["db"] },
      {
        env: { ...bench.means.env, PGCONNECT_TIMEOUT: "2" },
        // Our own connection is there; pg_dump is sent to the silent one.
        openDatabase: async (given, scope) => {
          const database = await openDatabase(given, scope);
          const dumped = new URL(database.url);
          dumped.port = silentUrl.port;
          return { ...database, url: dumped.href, close: () => database.close() };
        },
      },
    );
    assert.equal(result.archive, null);
    assert.match(bench.reports[1]?.outputMessage ?? "", /timeout expired/);
    await demandCleanAndWell(bench, () => bench.run());
  });

  it("is whole, with a duration that makes sense, when the clock is set back meanwhile", async (test) => {
    const bench = await backupBench(test, { db: await applicationDatabase(test, "create table t (i int)") });
    let now = Date.parse("2026-05-01T12:00:00Z");
    const result = await bench.run({}, { clock: () => new Date((now -= 3_600_000)) });
    assert.equal(
      result.scopes.every(({ status, durationMs }) => status === "packed" && durationMs >= 0),
      true,
    );
    assert.ok((await memberNames(result.archive?.path)).includes("./db/engine_backup.db"));
  });

  for (const [what, change] of [
    ["grows", (file: string) => truncate(file, 60_000_000)],
    ["shrinks", (file: string) => truncate(file, 1_000_000)],
    ["vanishes", (file: string) => rm(file)],
  ] as const) {
    it(`is whole, and says what it noticed, when a file ${what} while it is read`, async (test) => {
      const bench = await backupBench(test, {});
      // The first keeps tar busy until the second has changed; they are packed in the order of their directories.
      const [first, second] = [join(bench.files, "a"), join(bench.files, "b")];
      for (const each of [first, second]) {
        await mkdir(each);
        await writeFile(join(each, "large"), Buffer.alloc(30_000_000, 1));
      }
      const changing: Promise<void>[] = [];
      const result = await bench.run(
        {},
        {
          onProgress: ({ step }) => {
            if (step !== "packed" || changing.length > 0) return;
            for (const each of [first, second]) changing.push(change(join(each, "large")));
          },
        },
      );
      await Promise.all(changing);
      assert.equal(toldReports(bench.reports), "files started, files completed");
      if (what !== "vanishes") assert.match(result.warnings.join("\n"), /file changed as we read it|File shrank by/);
    });
  }

  it("has failed when the archive's device is full, for each scope, and leaves nothing on it", async (test) => {
    const url = await applicationDatabase(test, largeTable);
    const bench = await backupBench(test, { db: url });
    await writeFile(join(bench.files, "incompressible"), randomBytes(3_000_000));
    await onOwnFileSystem(test, bench.archiveDirectory, "size=1m", async () => {
      const result = await bench.run();
      assert.equal(result.archive, null);
      assert.equal(bench.reports.filter(({ status }) => status === "failed").length, 2);
      assert.match(
        bench.reports.at(-1)?.outputMessage ?? "",
        /no space left on the device|archive could not be written/,
      );
      await rm(join(bench.files, "incompressible"));
      await execute(url, "truncate t");
      await demandCleanAndWell(bench, () => bench.run());
    });
  });

  it("has failed and says where, when the archive directory is on a file system that is read-only", async (test) => {
    const bench = await backupBench(test, {});
    await onOwnFileSystem(test, bench.archiveDirectory, "ro", async () => {
      await assert.rejects(bench.run(), { code: "BACKUP_FAILED", message: /the file system is read-only/ });
      assert.match(bench.reports.at(-1)?.outputMessage ?? "", /the file system is read-only/);
    });
  });
});
