import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { findFittingProgram } from "../../src/backup/find-fitting-program.ts";
import { applicationDatabase, backupBench, execute, server } from "../backup/backup-fixture.ts";
import { temporaryDirectory } from "../backup/temporary-directory.ts";

const run = promisify(execFile);

/** The commands of a page, in their order, as one script. */
async function commandsOf(page: string): Promise<string> {
  const text = await readFile(join(import.meta.dirname, "../../docs", page), "utf8");
  return Array.from(text.matchAll(/^```sh\n([^]*?)^```$/gm), ([, block]) => block ?? "").join("\n");
}

test("docs/restore-by-hand.md: its commands, word for word, bring database and files back", async (context) => {
  const url = await applicationDatabase(
    context,
    `create table customer (id int primary key, name text); insert into customer select i, 'name ' || i from generate_series(1, 100) i`,
  );
  const bench = await backupBench(context, { db: url });
  await mkdir(join(bench.files, "directory"));
  await writeFile(join(bench.files, "directory", "a name"), "content", { mode: 0o640 });
  const { archive } = await bench.run();
  const { path: pgDump } = await findFittingProgram("pg_dump", server.major, process.env["PATH"]);
  const directory = await temporaryDirectory(context);
  const target = join(directory, "target");
  context.after(() => execute(server.superuserUrl, "drop database if exists engine_restored with (force)"));
  const env = {
    PATH: `${dirname(pgDump)}:${process.env["PATH"] ?? ""}`,
    ARCHIVE: archive?.path ?? "",
    SERVER: server.superuserUrl,
    TARGET: target,
  };
  const script = await commandsOf("restore-by-hand.md");
  const { stdout } = await run("sh", ["-euc", script], { cwd: directory, env });
  assert.match(stdout, /^\.\/files: OK$/m);
  assert.match(stdout, /TABLE DATA public customer/);
  const restored = new URL(server.superuserUrl);
  restored.pathname = "/engine_restored";
  const { rows } = await execute(restored.href, "select count(*)::int as count from customer");
  assert.deepEqual(rows, [{ count: 100 }]);
  assert.equal(await readFile(join(target, bench.files, "directory", "a name"), "utf8"), "content");
});
