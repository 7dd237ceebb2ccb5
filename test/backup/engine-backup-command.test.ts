import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { memberNames } from "./archive-content.ts";
import { execute, server } from "./backup-fixture.ts";
import { engine, engineBackup, engineBackupProgram as program } from "./engine-fixture.ts";

/** A pg_dump, newer than the real one, that begins a dump and does not end it until nobody reads it. */
async function hangingPgDump(directory: string): Promise<void> {
  const script = `#!/bin/sh\ncase $1 in --version) echo "pg_dump (PostgreSQL) ${server.major}.99";; *) printf PGDMP; while printf x; do sleep 0.2; done;; esac\n`;
  await writeFile(join(directory, "bin", "pg_dump"), script, { mode: 0o755 });
}

async function recorded(url: string): Promise<string[]> {
  const { rows } = await execute(
    url,
    "select scope, is_passed, output_message from backup_awareness.engine_backup_log order by done_at, scope",
  );
  return rows.map(
    ({ scope, is_passed, output_message }: Record<string, unknown>) =>
      `${String(scope)} ${is_passed === true ? "completed" : "failed"}: ${String(output_message)}`,
  );
}

async function visible(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(() => [])).filter((name) => !name.startsWith("."));
}

describe("engine-backup", { concurrency: 1 }, () => {
  it("backs up, reports, and says where the archive is and how far it is proven", async (test) => {
    const { env, archives, url, directory } = await engine(test);
    const { code, stdout, stderr } = await engineBackup(env, "--mode=backup", "--scope=all");
    assert.equal(code, 0, stderr);
    const [name = ""] = await visible(archives);
    assert.match(stdout, /^Backup of engine\.example\.com: completed$/m);
    assert.ok(stdout.includes(`archive: ${join(archives, name)} (`));
    assert.match(stdout, /^checked: read back .*, 7 checksums verified$/m);
    assert.match(stderr, /^db: packed .*\nfiles: packed .*$/m);
    assert.deepEqual(
      (await recorded(url)).map((line) => line.split(":")[0]),
      ["db completed", "files completed"],
    );
    const [log = ""] = await readdir(join(directory, "home", "log"));
    assert.match(await readFile(join(directory, "home", "log", log), "utf8"), /read back .* checksums verified/);
  });

  it("records nothing with --no-report", async (test) => {
    const { env, url } = await engine(test);
    assert.equal((await engineBackup(env, "--no-report", "--scope=files")).code, 0);
    assert.deepEqual(await recorded(url), []);
  });

  it("ends with 2 and says what to write instead, where the command line is wrong", async () => {
    const cases: readonly (readonly [words: string[], said: RegExp])[] = [
      [["--mode=bakup"], /hint: did you mean --mode=backup\?/],
      [["--mod=backup"], /unknown option "--mod=backup"\nhint: did you mean --mode\?/],
      [["backup"], /"backup" belongs to no option/],
      [["--file="], /hint: as in: --file=/],
    ];
    for (const [words, said] of cases) {
      const { code, stderr } = await engineBackup({ PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" }, ...words);
      assert.deepEqual([code, said.test(stderr)], [2, true], stderr);
    }
  });

  it("ends with 1 when a scope is not configured, and makes nothing", async (test) => {
    const { env, archives } = await engine(test);
    const { code, stderr } = await engineBackup(env, "--scope=reportsdb");
    assert.equal(code, 1);
    assert.match(stderr, /the scope "reportsdb" is not configured; configured: db, files\nhint: /);
    assert.deepEqual(await visible(archives), []);
  });

  it("writes the archive alone to standard output, and the summary to standard error", async (test) => {
    const { env, directory, archives } = await engine(test);
    const { code, stdout, stderr } = await engineBackup(env, "--file=-");
    assert.equal(code, 0, stderr);
    const path = join(directory, "received");
    await writeFile(path, stdout, "latin1");
    assert.ok((await memberNames(path)).includes("./files"));
    assert.match(stderr, /written to standard output, not read back from there/);
    assert.deepEqual(await visible(archives), []);
  });

  it("backs up the files while the database is away, keeps the reports, and hands them on later with their own times", async (test) => {
    const { env, archives, url } = await engine(test);
    const away = "postgres://nobody:secret@127.0.0.1:1/none";
    const before = new Date();
    const first = await engineBackup({
      ...env,
      BACKUP_AWARENESS_DATABASE_URL: away,
      BACKUP_AWARENESS_SCOPES_DB_URL: away,
    });
    const after = new Date();
    assert.equal(first.code, 1);
    assert.match(first.stdout, /db +failed +cannot reach the database/);
    assert.match(first.stdout, /files +completed/);
    assert.ok(!`${first.stdout}${first.stderr}`.includes("secret"));
    assert.equal((await visible(archives)).length, 1);

    assert.equal((await engineBackup(env, "--scope=files")).code, 0);
    assert.deepEqual(
      (await recorded(url)).map((line) => line.split(":")[0]),
      ["db failed", "files completed", "files completed"],
    );
    const { rows } = await execute(
      url,
      "select min(done_at) as first, max(done_at) filter (where scope = 'db') as db from backup_awareness.engine_backup_log",
    );
    const [{ first: firstAt, db }] = rows as [{ first: Date; db: Date }];
    assert.ok(firstAt >= before && db <= after);
  });

  it("waits for no server that accepts the connection and never answers", async (test) => {
    const { env } = await engine(test);
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    test.after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const address = silent.address();
    const url = `postgres://nobody@127.0.0.1:${typeof address === "object" ? address?.port : 0}/none`;
    const { code, stdout } = await engineBackup({ ...env, BACKUP_AWARENESS_SCOPES_DB_URL: url });
    assert.equal(code, 1);
    assert.match(stdout, /db +failed +cannot reach the database .*does not answer in time/);
  });

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    it(`ended by ${signal} leaves nothing that looks like a backup, reports failed with the reason, and ends with 1`, async (test) => {
      const { env, archives, url, directory } = await engine(test);
      await hangingPgDump(directory);
      const child = spawn(process.execPath, [program, "--mode=backup"], { env, stdio: "ignore" });
      const exited = once(child, "exit");
      await until(async () => (await readdir(archives).catch(() => [])).some((name) => name.includes("unfinished")));
      await until(async () => (await readFile(await logOf(directory), "utf8")).includes("pg_dump"));
      child.kill(signal);
      assert.deepEqual(await exited, [1, null]);
      assert.deepEqual(await readdir(archives), []);
      assert.deepEqual(
        (await recorded(url)).map((line) => line.split("\n")[0]),
        [
          `db failed: the backup was interrupted by ${signal}`,
          "files failed: not begun, since the run was interrupted",
        ],
      );
    });
  }

  it("killed leaves nothing that looks like a backup, and the next run clears up and succeeds", async (test) => {
    const { env, archives, directory } = await engine(test);
    await hangingPgDump(directory);
    const child = spawn(process.execPath, [program, "--mode=backup"], { env, stdio: "ignore" });
    const exited = once(child, "exit");
    await until(async () => (await readdir(archives).catch(() => [])).some((name) => name.includes("unfinished")));
    const busy = await engineBackup(env, "--scope=files");
    assert.equal(busy.code, 1);
    assert.match(busy.stderr, new RegExp(`another engine-backup is at work here: process ${child.pid}, since 2`));
    child.kill("SIGKILL");
    await exited;
    assert.deepEqual(await visible(archives), []);
    assert.equal((await engineBackup(env, "--scope=files")).code, 0);
    assert.equal((await readdir(archives)).length, 1);
  });

  it("has failed, and leaves no file, when the disk is full", async (test) => {
    const { env, archives, url, directory } = await engine(test);
    await writeFile(
      join(directory, "files", "large"),
      Buffer.from(Array.from({ length: 3_000_000 }, () => Math.floor(Math.random() * 256))),
    );
    // A limit on the size of files stands for a device without space: 2000 blocks of 512 bytes.
    const child = spawn(
      "/bin/sh",
      ["-c", 'ulimit -f 2000; exec "$0" "$@"', process.execPath, program, "--scope=files"],
      { env },
    );
    let stdout = "";
    child.stdout.on("data", (data) => (stdout += String(data)));
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 1);
    assert.match(stdout, /no backup was made[^]*cannot write the archive .*larger than the limit/);
    assert.deepEqual(await readdir(archives), []);
    assert.match((await recorded(url))[0] ?? "", /^files failed: cannot write the archive/);
  });

  it("names the application's settings when only Backup Awareness itself is protected", async (test) => {
    const { env } = await engine(test);
    // A variable that is empty counts as not set.
    const { code, stdout, stderr } = await engineBackup({
      ...env,
      BACKUP_AWARENESS_SCOPES_DB_URL: "",
      BACKUP_AWARENESS_SCOPES_FILES_PATHS: "",
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Only Backup Awareness itself is protected[^]*\[scopes\.db\]/);
  });
});

async function logOf(directory: string): Promise<string> {
  const logs = join(directory, "home", "log");
  return join(logs, (await readdir(logs))[0] ?? "");
}

/** Waits for what another process does; the test's own time limit ends it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 1000 && !(await isSo()); turn++) await delay(20);
}
