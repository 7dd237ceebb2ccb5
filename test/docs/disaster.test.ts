import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { execute, server } from "../backup/backup-fixture.ts";
import { testEngine } from "../backup/restore/restored-engine.ts";
import { temporaryHome } from "../database/embedded/temporary-home.ts";

const root = join(import.meta.dirname, "../..");

test("docs/disaster.md: its commands bring an application back to a machine that has nothing but the archive", async (context) => {
  const engine = await testEngine(context, "create table t (i int); insert into t select generate_series(1, 25)");
  const archive = await engine.backUp();
  const database = new URL(engine.url).pathname.slice(1);
  await execute(server.superuserUrl, `drop database "${database}"`);
  await rm(engine.files, { recursive: true });
  await rm(join(engine.directory, "home"), { recursive: true });

  const fresh = await temporaryHome();
  context.after(() => fresh.remove());
  const page = await readFile(join(root, "docs/disaster.md"), "utf8");
  const blocks = Array.from(page.matchAll(/^```sh\n([^]*?)^```$/gm), ([, commands = ""]) => commands);
  assert.equal(blocks.length, 5);
  const { stdout } = await promisify(execFile)("sh", ["-e", "-c", blocks.join("\n")], {
    env: {
      PATH: `${join(root, "bin")}:${process.env["PATH"] ?? ""}`,
      HOME: engine.directory,
      TMPDIR: engine.temporary,
      BACKUP_AWARENESS_TEST_RUN: process.env["BACKUP_AWARENESS_TEST_RUN"],
      BACKUP_AWARENESS_HOME: fresh.home,
      BACKUP_AWARENESS_FQDN: "engine.example.com",
      ARCHIVE: archive,
      DATABASE_URL: engine.url,
      ADMIN_URL: server.superuserUrl,
      FILES: engine.files,
    },
  });
  assert.match(stdout, /verified/);
  assert.match(stdout, /would be done; nothing was touched/);
  assert.match(stdout, /db +restored and compared: 1 tables, 25 rows/);
  assert.match(stdout, /files +restored and compared: 1 files/);
  assert.match(stdout, /fresh/);
  assert.equal((await execute(engine.url, "select * from t")).rowCount, 25);
  assert.equal(await readFile(join(engine.files, "a file"), "utf8"), "its content");
});
