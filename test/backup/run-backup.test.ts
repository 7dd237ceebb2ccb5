import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import pg from "pg";
import { defaultBackupLimits } from "../../src/backup/backup-run.ts";
import { findFittingProgram } from "../../src/backup/find-fitting-program.ts";
import type { Manifest } from "../../src/backup/manifest.ts";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { createDatabase } from "../support/servers.ts";
import { decompressArchive, memberNames } from "./archive-content.ts";
import { applicationDatabase, backupBench, execute, server, toldReports } from "./backup-fixture.ts";

const run = promisify(execFile);
const hasZstd = spawnSync("zstd", ["--version"]).status === 0;

const application = `
  create schema "Sch ema";
  create table customer (id int primary key, name text);
  insert into customer select g, 'näme ' || g from generate_series(1, 1000) g;
  create table "Sch ema"."Tab'le" (id int generated always as identity, doc jsonb, b bytea);
  insert into "Sch ema"."Tab'le" (doc, b) select jsonb_build_object('k', g), decode(md5(g::text), 'hex') from generate_series(1, 500) g;
  create table job (id int primary key);
  insert into job select generate_series(1, 10);
  create table job_note (id int primary key, job_id int constraint job_note_fk references job);
  insert into job_note values (1, 1);
  select lo_from_bytea(0, 'a large object');`;

describe("a backup", { concurrency: 1 }, () => {
  it(
    "opens with tar, zstd, sha256sum and pg_restore, by hand",
    { skip: !hasZstd && "needs the program zstd" },
    async (test) => {
      const url = await applicationDatabase(test, application);
      const bench = await backupBench(test, { db: url, dwhdb: url });
      await writeFile(join(bench.files, "a file\nof ours"), "its content");
      const result = await bench.run();
      const path = result.archive?.path ?? assert.fail("no archive");

      assert.equal((await stat(path)).mode & 0o777, 0o600);
      const out = join(bench.directory, "by hand");
      await mkdir(out);
      await run("tar", ["--zstd", "-xf", path, "-C", out]);
      const { stdout: checked } = await run("sha256sum", ["-c", "sha256sum"], { cwd: out });
      assert.deepEqual(
        checked.trim().split("\n").toSorted(),
        [
          "config",
          "db/dwh_backup.db",
          "db/engine_backup.db",
          "files",
          "globals.sql",
          "manifest.json",
          "os_version",
          "version",
        ].map((name) => `./${name}: OK`),
      );
      await run("sh", ["-c", 'zstd -dc "$1" | tar -x -C "$2" ./version', "sh", path, out]);
      assert.equal(await readFile(join(out, "version"), "utf8"), "0.1.0\n");
      await run("tar", ["-xf", join(out, "files"), "-C", out]);
      assert.equal(await readFile(join(out, bench.files, "a file\nof ours"), "utf8"), "its content");

      const copy = await createDatabase(server);
      test.after(() => copy.drop());
      const restore = await findFittingRestore();
      await run(restore, ["--exit-on-error", `--dbname=${copy.url}`, join(out, "db/engine_backup.db")]);
      const { rows } = await execute(
        copy.url,
        `select (select count(*) from customer) as c, (select count(*) from "Sch ema"."Tab'le") as t, (select count(*) from pg_largeobject_metadata) as l`,
      );
      assert.deepEqual(rows, [{ c: "1000", t: "500", l: "1" }]);

      const globals = await readFile(join(out, "globals.sql"), "utf8");
      assert.match(globals, /CREATE ROLE postgres/);
      assert.doesNotMatch(globals, /SCRAM-SHA-256/);
      const manifest = JSON.parse(await readFile(join(out, "manifest.json"), "utf8")) as {
        scopes: Record<string, { sha256: string; sizeBytes: number }>;
      };
      assert.deepEqual(Object.keys(manifest.scopes), ["db", "dwhdb", "files"]);
      assert.equal(manifest.scopes["files"]?.sizeBytes, (await stat(join(out, "files"))).size);
    },
  );

  it("reports each scope started before its first byte, and all completed when the archive has its name", async (test) => {
    const url = await applicationDatabase(test, "create table t (i int)");
    const bench = await backupBench(test, { db: url });
    const seen: string[] = [];
    const result = await bench.run(
      {},
      {
        report: async ({ scope, status }) => {
          const names = (await readdir(bench.archiveDirectory)).filter((name) => !name.startsWith("."));
          seen.push(`${scope} ${status} ${names.length}`);
        },
      },
    );
    assert.deepEqual(seen, ["db started 0", "files started 0", "db completed 1", "files completed 1"]);
    assert.deepEqual(await readdir(bench.archiveDirectory), [result.archive?.path?.split("/").at(-1)]);
  });

  it("tells in its reports what is known: run, size, duration, archive, tool", async (test) => {
    const bench = await backupBench(test, {});
    const result = await bench.run({ logPath: "/var/log/x.log" });
    const [started, completed] = bench.reports;
    assert.deepEqual(
      [started?.status, started?.runId, started?.logPath, started?.fqdn],
      ["started", result.runId, "/var/log/x.log", "engine.example.com"],
    );
    assert.equal(completed?.runId, result.runId);
    assert.equal(completed.archive, result.archive?.path);
    assert.ok(completed.sizeBytes! > 0 && completed.durationMs! >= 0);
    assert.equal(completed.tool, "engine-backup 0.1.0");
    assert.match(completed.outputMessage, /read back (from the device|through the page cache).*, 5 checksums verified/);
  });

  it("of one scope leaves the others alone, and is none of a scope that is not configured", async (test) => {
    const bench = await backupBench(test, { db: "postgres://nobody@127.0.0.1:1/none" });
    const result = await bench.run({ scopes: ["files"] });
    assert.match(result.archive?.path ?? "", /Z-files\.tar\.zst$/);
    assert.equal(toldReports(bench.reports), "files started, files completed");
    await assert.rejects(bench.run({ scopes: ["reportsdb"] }), { code: "SCOPE_UNCONFIGURED" });
    assert.equal(bench.reports.length, 2);
  });

  it("has what could be had when a database cannot be reached, and says which failed and why", async (test) => {
    const url = await applicationDatabase(test, "create table t (i int)");
    const bench = await backupBench(test, { db: url, dwhdb: "postgres://nobody@127.0.0.1:1/none" });
    const result = await bench.run();
    assert.equal(
      toldReports(bench.reports),
      "db started, dwhdb started, dwhdb failed, files started, db completed, files completed",
    );
    assert.match(
      bench.reports[2]?.outputMessage ?? "",
      /cannot reach the database at 127\.0\.0\.1:1: nothing listens there/,
    );
    const names = await memberNames(result.archive?.path);
    assert.ok(names.includes("./db/engine_backup.db") && !names.includes("./db/dwh_backup.db"));
  });

  it("warns of a database without tables and of an empty directory, which may be the wrong ones", async (test) => {
    const bench = await backupBench(test, { db: await applicationDatabase(test, "create schema no_table") });
    const { warnings } = await bench.run();
    assert.match(warnings.join("\n"), /^db: the database ".*" holds no table[^]*^files: ".*" is an empty directory/m);
  });

  it("leaves no file when nothing succeeded", async (test) => {
    const bench = await backupBench(test, { db: "postgres://nobody@127.0.0.1:1/none" });
    const result = await bench.run({ scopes: ["db"] });
    assert.equal(result.archive, null);
    assert.deepEqual(await readdir(bench.archiveDirectory), []);
    assert.equal(toldReports(bench.reports), "db started, db failed");
  });

  it("knows in its manifest the rows and the schema of the dump's own snapshot, while others write", async (test) => {
    const url = await applicationDatabase(
      test,
      `create table a_large as select repeat(md5(g::text), 30) as b from generate_series(1, 20000) g;
       create table written (i int primary key); insert into written values (0)`,
    );
    const bench = await backupBench(test, { db: url });
    const writing: Promise<unknown>[] = [];
    const write = "insert into written select generate_series(1, 1000); create index late on written (i)";
    const result = await bench.run(
      { scopes: ["db"] },
      {
        onProgress: ({ step }) => {
          if (step === "packed" && writing.length === 0) writing.push(execute(url, write));
        },
      },
    );
    await Promise.all(writing);
    assert.deepEqual(result.warnings, []);

    const plain = join(bench.directory, "archive.tar");
    await writeFile(plain, await decompressArchive(result.archive?.path));
    await run("tar", ["-xf", plain, "-C", bench.directory]);
    const { scopes } = JSON.parse(await readFile(join(bench.directory, "manifest.json"), "utf8")) as Manifest;
    const { rowCounts, largeObjects, schema } = scopes["db"]?.database ?? assert.fail("no database");
    assert.deepEqual(rowCounts, { "public.a_large": 20_000, "public.written": 1 });
    assert.deepEqual(Object.keys(schema?.objects ?? {}), [
      "constraint written_pkey on public.written",
      "index written_pkey on public.written",
      "table public.a_large",
      "table public.written",
    ]);
    assert.equal(largeObjects, 0);

    const copy = await createDatabase(server);
    test.after(() => copy.drop());
    await run(await findFittingRestore(), [`--dbname=${copy.url}`, join(bench.directory, "db/engine_backup.db")]);
    assert.equal((await execute(copy.url, "select from written")).rowCount, 1);
  });

  it("leaves out what is excluded, and warns of foreign keys that then have nothing to refer to", async (test) => {
    const url = await applicationDatabase(test, application);
    const bench = await backupBench(test, { db: url });
    const result = await bench.run(
      { scopes: ["db"], excluded: { tables: ['"Sch ema".*'], tableData: [] } },
      { readExcluded: async () => ({ tables: [], tableData: ["job"] }) },
    );
    assert.match(
      result.warnings.join("\n"),
      /db: the foreign key job_note_fk of public\.job_note refers to public\.job, whose rows are left out/,
    );
    const plain = join(bench.directory, "archive.tar");
    await writeFile(plain, await decompressArchive(result.archive?.path));
    await run("tar", ["-xf", plain, "-C", bench.directory, "./db/engine_backup.db"]);
    const { stdout } = await run(await findFittingRestore(), ["-l", join(bench.directory, "db/engine_backup.db")]);
    assert.match(stdout, /TABLE public job /);
    assert.doesNotMatch(stdout, /TABLE DATA public job |Tab'le/);
    assert.match(stdout, /TABLE DATA public customer /);
  });

  for (const [what, script, reason] of [
    ["is killed in mid-run", 'printf "PGDMP and more"; kill -KILL $$', /pg_dump was killed by SIGKILL/],
    [
      "writes a little and ends with 1",
      'printf "PGDMP and more"; echo "no space left on the moon" >&2; exit 1',
      /exit code 1: no space left on the moon/,
    ],
    ["ends with 0 and wrote no dump", 'echo "all is well"', /what it wrote is no dump/],
    [
      "writes nothing for too long",
      'printf "PGDMP"; exec sleep 60',
      /wrote nothing for 0 s and was ended|wrote nothing for 1 s and was ended/,
    ],
  ] as const) {
    it(`has failed when pg_dump ${what}; the files are backed up`, async (test) => {
      const url = await applicationDatabase(test, "create table t (i int)");
      const bench = await backupBench(test, { db: url });
      const program = join(bench.directory, "pg_dump");
      await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const result = await bench.run(
        {},
        {
          findClientProgram: async () => ({ path: program, version: "15.0" }),
          limits: { ...defaultBackupLimits, silenceLimitMs: 400 },
        },
      );
      assert.equal(toldReports(bench.reports), "db started, db failed, files started, files completed");
      assert.match(bench.reports[1]?.outputMessage ?? "", reason);
      assert.ok(!(await memberNames(result.archive?.path)).includes("./db/engine_backup.db"));
    });
  }

  it("keeps pg_dump's warnings in the log, the manifest and the report, and has succeeded", async (test) => {
    const url = await applicationDatabase(test, "create table t (i int)");
    const bench = await backupBench(test, { db: url });
    const program = join(bench.directory, "pg_dump");
    const { path: pgDump } = await findFittingProgram("pg_dump", server.major, process.env["PATH"]);
    await writeFile(
      program,
      `#!/bin/sh\necho "pg_dump: warning: there are circular foreign-key constraints" >&2\nexec ${pgDump} "$@"\n`,
      { mode: 0o755 },
    );
    const findClientProgram = async (name: "pg_dump" | "pg_dumpall", major: number) =>
      name === "pg_dump" ? { path: program, version: "15.0" } : findFittingProgram(name, major, process.env["PATH"]);
    const result = await bench.run({ scopes: ["db"] }, { findClientProgram });
    assert.match(result.warnings.join("\n"), /circular/);
    assert.match(bench.logLines.join("\n"), /circular/);
    assert.match(bench.reports[1]?.outputMessage ?? "", /1 warning: .*circular/);
  });

  it("waits for a table's lock no longer than its limit", async (test) => {
    const url = await applicationDatabase(test, "create table t (i int)");
    const bench = await backupBench(test, { db: url });
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    try {
      await holder.query("begin; lock table t in access exclusive mode");
      await bench.run({ scopes: ["db"] }, { limits: { ...defaultBackupLimits, lockTimeoutMs: 200 } });
    } finally {
      await holder.end();
    }
    assert.match(bench.reports[1]?.outputMessage ?? "", /LOCK TABLE[^]*hint: another session holds a lock/);
  });

  it("has failed, and leaves no file, when the server ends its session in mid-run", async (test) => {
    const url = await applicationDatabase(
      test,
      "create table t as select md5(g::text) a, repeat(md5(g::text), 30) b from generate_series(1, 60000) g",
    );
    const bench = await backupBench(test, { db: url });
    let hasEnded = false;
    const result = await bench.run(
      { scopes: ["db"] },
      {
        onProgress: (progress) => {
          if (hasEnded || progress.step !== "packed" || progress.bytes < 300_000) return;
          hasEnded = true;
          void execute(
            server.superuserUrl,
            `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${new URL(url).pathname.slice(1)}' and backend_type = 'client backend'`,
          );
        },
      },
    );
    assert.equal(result.archive, null);
    assert.match(bench.reports[1]?.outputMessage ?? "", /pg_dump ended with exit code 1/);
    assert.deepEqual(await readdir(bench.archiveDirectory), []);
  });

  it("has failed for every scope when it is interrupted, leaves no file, and the next one succeeds", async (test) => {
    const url = await applicationDatabase(test, "create table t (i int)");
    const bench = await backupBench(test, { db: url });
    const program = join(bench.directory, "pg_dump");
    await writeFile(program, '#!/bin/sh\nprintf "PGDMP"\nexec sleep 60\n', { mode: 0o755 });
    const interruption = new AbortController();
    const result = await bench.run(
      {},
      {
        findClientProgram: async () => ({ path: program, version: "15.0" }),
        signal: interruption.signal,
        onProgress: ({ step }) => {
          if (step === "packed")
            interruption.abort(new BackupAwarenessError("BACKUP_FAILED", "the backup was interrupted by SIGTERM"));
        },
      },
    );
    assert.equal(result.archive, null);
    assert.equal(toldReports(bench.reports), "db started, db failed, files failed");
    assert.equal(bench.reports[1]?.outputMessage, "the backup was interrupted by SIGTERM");
    assert.deepEqual(await readdir(bench.archiveDirectory), []);
    assert.notEqual((await bench.run()).archive, null);
  });

  it("clears away what a killed run left", async (test) => {
    const bench = await backupBench(test, {});
    await mkdir(bench.archiveDirectory);
    await writeFile(join(bench.archiveDirectory, ".engine-backup-unfinished-1-abcd"), "half a backup");
    await writeFile(
      join(bench.archiveDirectory, ".engine-backup.lock"),
      '{"pid":1,"hostName":"this-host","identity":"gone","since":"then"}\n',
    );
    const result = await bench.run();
    assert.deepEqual(await readdir(bench.archiveDirectory), [result.archive?.path?.split("/").at(-1)]);
  });

  it("has failed, and is reported so, when its directory cannot be written", async (test) => {
    const bench = await backupBench(test, {});
    await writeFile(bench.archiveDirectory, "a file is in the way");
    await assert.rejects(bench.run(), { code: "BACKUP_FAILED", message: /cannot create the archive directory/ });
    assert.equal(toldReports(bench.reports), "files failed");
  });

  it("never replaces a directory or a device, and replaces an older archive only when the new one is whole", async (test) => {
    const bench = await backupBench(test, {});
    await assert.rejects(bench.run({ file: bench.directory }), /is a directory/);
    await assert.rejects(bench.run({ file: "/dev/null" }), /no plain file/);
    const file = join(bench.directory, "today.tar.zst");
    await writeFile(file, "the older archive");
    const missing = {
      ...bench.settings,
      scopes: new Map([["files", { kind: "files", paths: ["/no/such"], exclude: [] }]] as const),
    };
    await bench.run({ file, settings: missing });
    assert.equal(await readFile(file, "utf8"), "the older archive");
    assert.equal((await bench.run({ file })).archive?.path, file);
    assert.ok((await memberNames(file)).includes("./files"));
  });

  it("refuses to run twice at once on one directory, and the second reports nothing", async (test) => {
    const bench = await backupBench(test, {});
    const second = Promise.withResolvers<unknown>();
    await bench.run(
      {},
      {
        onProgress: ({ step }) => {
          if (step === "begun") second.resolve(assert.rejects(bench.run(), { code: "BACKUP_RUNNING" }));
        },
        report: () => Promise.resolve(),
      },
    );
    await second.promise;
    assert.deepEqual(bench.reports, []);
  });

  it("gives a second archive within the same second a name of its own", async (test) => {
    const bench = await backupBench(test, {});
    const clock = () => new Date("2026-11-24T01:30:00Z");
    const paths = [(await bench.run({}, { clock })).archive?.path, (await bench.run({}, { clock })).archive?.path];
    assert.deepEqual(
      paths.map((path) => path?.split("/").at(-1)),
      ["engine.example.com-20261124T013000Z.tar.zst", "engine.example.com-20261124T013000Z-2.tar.zst"],
    );
  });

  it("to standard output arrives whole, and says that it was not read back from there", async (test) => {
    const bench = await backupBench(test, {});
    const pieces: Buffer[] = [];
    const writeToStandardOutput = async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) pieces.push(Buffer.from(chunk));
    };
    const result = await bench.run({ file: "-" }, { writeToStandardOutput });
    assert.equal(result.archive?.path, null);
    const file = join(bench.directory, "received");
    await writeFile(file, Buffer.concat(pieces));
    assert.ok((await memberNames(file)).includes("./files"));
    assert.match(bench.reports[1]?.outputMessage ?? "", /written to standard output, not read back from there/);
    assert.deepEqual(await readdir(bench.archiveDirectory), []);
  });

  it("has failed when the reader of standard output goes away", async (test) => {
    const bench = await backupBench(test, {});
    const result = await bench.run({ file: "-" }, { writeToStandardOutput: () => Promise.reject(new Error("EPIPE")) });
    assert.equal(result.archive, null);
    assert.equal(toldReports(bench.reports), "files started, files failed");
  });

  it("goes on when a report is lost, and tells which", async (test) => {
    const bench = await backupBench(test, {});
    const result = await bench.run(
      {},
      { report: () => Promise.reject(new BackupAwarenessError("SPOOL_FAILED", "no space")) },
    );
    assert.notEqual(result.archive, null);
    assert.deepEqual(
      result.lostReports.map(({ report }) => report.status),
      ["started", "completed"],
    );
  });

  it("survives quotes, blanks and newlines in every path and in the engine's name", async (test) => {
    const bench = await backupBench(test, {});
    const odd = join(bench.directory, 'it\'s "odd"\n$(x) ünï');
    await mkdir(odd);
    await writeFile(join(odd, "f"), "x");
    const scopes = new Map([["files", { kind: "files", paths: [odd], exclude: [] }]] as const);
    const settings = {
      ...bench.settings,
      archiveDirectory: join(odd, "archives"),
      home: join(odd, "home"),
      fqdn: 'a "b"\nc',
      scopes,
    };
    const result = await bench.run({ settings });
    assert.ok((await memberNames(result.archive?.path)).includes("./files"));
  });

  it("says which of what it protects lies on the archive's own file system", async (test) => {
    const bench = await backupBench(test, {});
    assert.deepEqual((await bench.run()).onSameFileSystem, [`the files below "${bench.files}"`]);
  });

  it("puts no password on a command line, into the log or into the archive", async (test) => {
    const url = await applicationDatabase(test, "create table t (i int)");
    const password = new URL(url).password;
    const bench = await backupBench(test, { db: url });
    const program = join(bench.directory, "pg_dump");
    const { path: pgDump } = await findFittingProgram("pg_dump", server.major, process.env["PATH"]);
    await writeFile(program, `#!/bin/sh\necho "$0 $*" >&2\nexec ${pgDump} "$@"\n`, { mode: 0o755 });
    await chmod(program, 0o755);
    const result = await bench.run(
      { scopes: ["db"] },
      { findClientProgram: async () => ({ path: program, version: "15.0" }) },
    );
    const content = (await decompressArchive(result.archive?.path)).toString("latin1");
    for (const text of [bench.logLines.join("\n"), JSON.stringify(bench.reports), content])
      assert.ok(!text.includes(password));
  });
});

describe("finding a pg_dump", () => {
  it("says what to install where none can read the server", async () => {
    await assert.rejects(findFittingProgram("pg_dump", 99, process.env["PATH"]), (error: BackupAwarenessError) => {
      assert.equal(error.code, "POSTGRES_MISSING");
      assert.match(error.message, /^no pg_dump that can read PostgreSQL 99 \(found: /);
      assert.match(error.hint ?? "", /postgresql-client-99/);
      return true;
    });
  });
});

async function findFittingRestore(): Promise<string> {
  const { path } = await findFittingProgram("pg_dump", server.major, process.env["PATH"]);
  return join(path, "../pg_restore");
}
