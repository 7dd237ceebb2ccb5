import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { findFittingProgram } from "../../../src/backup/find-fitting-program.ts";
import { verifyArchive } from "../../../src/backup/verify/verify-archive.ts";
import { applicationDatabase, backupBench, server } from "../backup-fixture.ts";
import { makeOvirtArchive, type OvirtCompressor } from "../ovirt-archive.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const schema = `
  create table customer (id int primary key, name text);
  insert into customer select i, 'name ' || i from generate_series(1, 500) i;
  create table "Große Tabelle" (id int, "with ""quotes""" text);
  insert into "Große Tabelle" values (1, 'ü');
  create schema "other schema"; create table "other schema"."a b c" (id int);`;

async function verify(path: string, scopes: readonly string[] = []) {
  const means = {
    env: { PATH: process.env["PATH"] },
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
  const result = await verifyArchive({ path, scopes }, means);
  const told = result.problems.map(({ code, message }) => `${code.replace("ARCHIVE_", "")}: ${message}`);
  return { ...result, told };
}

async function ownArchive(test: Pick<TestContext, "after">) {
  const bench = await backupBench(test, { db: await applicationDatabase(test, schema) });
  await writeFile(join(bench.files, "file\nname"), "content");
  await mkdir(join(bench.files, "directory"));
  const { archive } = await bench.run();
  return { bench, path: archive?.path ?? "" };
}

describe("verifying an archive of ours", () => {
  it("reads dumps by pg_restore, walks the files and compares every checksum", async (test) => {
    const { path } = await ownArchive(test);
    const { told, archive, ...result } = await verify(path);
    assert.deepEqual(told, []);
    assert.ok(archive !== null && "members" in result);
    const found = Object.fromEntries(result.members.map((member) => [member.name, member]));
    const dump = found["./db/engine_backup.db"]?.dump;
    assert.deepEqual([dump?.format, dump?.tablesWithData?.count], ["custom", 3]);
    assert.equal(dump?.tablesWithData?.has("other schema", "a b c"), true);
    assert.equal(dump.tablesWithData.has("public", "Große Tabelle"), true);
    assert.equal(dump.tablesWithData.has("public", "nothing"), false);
    assert.equal(found["./files"]?.files?.entries, 3);
  });

  it("finds any byte that has changed, and says that it is damaged; and any end that is missing, and says that it is cut off", async (test) => {
    const { path } = await ownArchive(test);
    const whole = await readFile(path);
    const changed = join(await temporaryDirectory(test), "changed");
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: whole.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, bits) => {
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ bits;
          await writeFile(changed, bytes);
          const { problems } = await verify(changed);
          assert.equal(problems[0]?.code, "ARCHIVE_DAMAGED", `byte ${at}`);
        },
      ),
      {
        numRuns: 80,
        examples: [0, 4, 9, 300, 530, whole.length - 1, whole.length - 9, whole.length - 700].map((at) => [at, 0x10]),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
        await writeFile(changed, whole.subarray(0, length));
        const { problems } = await verify(changed);
        // Of less than its first header nobody can tell what it was.
        const expected = length < 4 ? /FOREIGN|TRUNCATED/ : /^ARCHIVE_TRUNCATED$/;
        assert.match(problems[0]?.code ?? "none", expected, `${length} bytes`);
      }),
      { numRuns: 30, examples: [[whole.length - 1], [whole.length - 12], [522], [0]] },
    );
  });

  it("finds what was appended to it", async (test) => {
    const { path } = await ownArchive(test);
    await appendFile(path, "more");
    assert.match((await verify(path)).told.join(), /DAMAGED|TRUNCATED/);
  });

  it("finds a member missing, by name, where it was taken apart and packed again", async (test) => {
    const { path } = await ownArchive(test);
    const directory = await temporaryDirectory(test);
    execFileSync("tar", ["--zstd", "-xf", path, "-C", directory]);
    const again = join(await temporaryDirectory(test), "again.tar.zst");
    execFileSync("tar", ["--zstd", "-cf", again, "-C", directory, "."]);
    assert.deepEqual((await verify(again)).told, [], "all of it, packed by tar, is whole");
    execFileSync("tar", ["--zstd", "-cf", again, "-C", directory, "--exclude=./files", "."]);
    const { told } = await verify(again);
    assert.match(told.join("\n"), /INCOMPLETE: the archive lacks something: \.\/files is missing/);
    await writeFile(join(directory, "version"), "9.9\n");
    execFileSync("tar", ["--zstd", "-cf", again, "-C", directory, "."]);
    assert.match((await verify(again)).told.join(), /DAMAGED: .*\.\/version has not the checksum/);
  });

  it("misses a scope that was asked for and failed, unless only others are demanded", async (test) => {
    const bench = await backupBench(test, { db: "postgres://nobody@127.0.0.1:1/none" });
    await writeFile(join(bench.files, "file"), "content");
    const path = (await bench.run()).archive?.path ?? "";
    assert.match((await verify(path)).told.join(), /INCOMPLETE: .*the scopes db were asked for and are not in it/);
    assert.deepEqual((await verify(path, ["files"])).told, []);
    assert.match((await verify(path, ["dwhdb"])).told.join(), /the scope dwhdb is not in it/);
  });

  it("tells a foreign file from all that", async (test) => {
    const path = join(await temporaryDirectory(test), "file");
    await writeFile(path, "#!/bin/sh\n".repeat(100));
    assert.match((await verify(path)).told.join(), /^FOREIGN: this is no archive of engine-backup/);
  });
});

describe("verifying an archive of oVirt's", () => {
  let dumps: Readonly<Record<"plain" | "custom", string>>;
  let directory: string;
  const works: (() => Promise<unknown>)[] = [];
  before(async () => {
    const test = { after: (work: () => Promise<unknown>) => void works.push(work) } as unknown as TestContext;
    directory = await temporaryDirectory(test);
    const url = await applicationDatabase(test, schema);
    const { path } = await findFittingProgram("pg_dump", server.major, process.env["PATH"]);
    dumps = { plain: join(directory, "plain.sql"), custom: join(directory, "custom.db") };
    for (const [format, file] of Object.entries(dumps)) {
      const words = [`--format=${format}`, "--disable-dollar-quoting", `--file=${file}`, `--dbname=${url}`];
      execFileSync(path, words);
    }
    await mkdir(join(directory, "etc"));
    await writeFile(join(directory, "etc", "engine.conf"), "key=value\n");
  });
  after(async () => {
    for (const work of works) await work();
  });

  const cases: readonly (readonly [OvirtCompressor, OvirtCompressor, "plain" | "custom", "md5sum" | "sha256sum"])[] = [
    ["gzip", "None", "custom", "sha256sum"],
    ["gzip", "gzip", "custom", "md5sum"],
    ["xz", "xz", "plain", "sha256sum"],
    ["bzip2", "bzip2", "plain", "md5sum"],
    ["None", "None", "plain", "sha256sum"],
  ];
  for (const [outer, inner, format, checksums] of cases) {
    it(`finds it whole: ${outer} outside, a ${format} dump in ${inner} inside, ${checksums}`, async (test) => {
      const path = await makeOvirtArchive(await temporaryDirectory(test), {
        archiveCompressor: outer,
        files: { directory: join(directory, "etc"), compressor: inner },
        dumps: { engine_backup: { path: dumps[format], compressor: inner, format } },
        checksums,
      });
      const result = await verify(path);
      assert.deepEqual(result.told, []);
      assert.ok(result.archive !== null && "members" in result);
      assert.deepEqual(result.members.flatMap(({ scope }) => scope ?? []).toSorted(), ["db", "files"]);
    });
  }

  it("finds a dump that was cut off before it was packed, though every checksum fits", async (test) => {
    for (const format of ["plain", "custom"] as const) {
      const place = await temporaryDirectory(test);
      const short = join(place, "short");
      const whole = await readFile(dumps[format]);
      await writeFile(short, whole.subarray(0, whole.length - 300));
      const path = await makeOvirtArchive(place, {
        archiveCompressor: "gzip",
        dumps: { engine_backup: { path: short, compressor: "None", format } },
      });
      assert.match((await verify(path)).told.join(), /(TRUNCATED|DAMAGED): .*\.\/db\/engine_backup\.db/, format);
    }
  });

  it("executes nothing of it: neither its config, nor its SQL, nor psql's commands, nor names", async (test) => {
    const place = await temporaryDirectory(test);
    const mark = join(place, "executed");
    const dump = join(place, "dump");
    await writeFile(
      dump,
      `-- PostgreSQL database dump\n\\! touch ${mark}\ncopy (select 1) to program 'touch ${mark}';\n-- PostgreSQL database dump complete\n`,
    );
    await mkdir(join(place, "files"));
    await writeFile(join(place, "files", `--checkpoint-action=exec=touch ${mark.replaceAll("/", "_")}`), "");
    await writeFile(join(place, "files", `$(touch executed)`), "");
    await makeOvirtArchive(place, {
      archiveCompressor: "gzip",
      files: { directory: join(place, "files"), compressor: "gzip" },
      dumps: { engine_backup: { path: dump, compressor: "None", format: "plain" } },
    });
    const members = join(place, "tar");
    await writeFile(join(members, "config"), `touch ${mark}\nDB_DUMP_FORMAT=$(touch ${mark})\n\`touch ${mark}\`\n`);
    await writeFile(
      join(members, "sha256sum"),
      execFileSync("sh", ["-c", "sha256sum db/* files config version os_version"], { cwd: members }),
    );
    const path = join(place, "hostile.tgz");
    execFileSync("tar", ["-C", members, "-czf", path, "."]);
    assert.deepEqual((await verify(path)).told, []);
    assert.equal(existsSync(mark), false);
  });
});
