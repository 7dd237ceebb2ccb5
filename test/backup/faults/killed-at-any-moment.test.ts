import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createMigratedDatabase } from "../../support/migrated-database.ts";
import { memberNames } from "../archive-content.ts";
import { execute, server } from "../backup-fixture.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const program = join(import.meta.dirname, "../../../src/cli/engine-backup.ts");
const signals = ["SIGKILL", "SIGTERM", "SIGINT"] as const;
const moments = 50;
/** Side by side, so that all of it takes half a minute. */
const lanes = 3;
const seed = Number(process.env["TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** From 0 to 1, the same for the same seed. */
function randomNumbers(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    const mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
  };
}

type Engine = { readonly directory: string; readonly archives: string; readonly url: string; readonly run: Run };
type Run = (
  killAfterMs?: number,
  signal?: NodeJS.Signals,
) => Promise<{ code: number | null; tookMs: number; said: string }>;

async function engine(test: TestContext): Promise<Engine> {
  const directory = await temporaryDirectory(test);
  const database = await createMigratedDatabase(server, { ownFqdn: "engine.example.com" });
  test.after(() => database.drop());
  await execute(database.url, "create table public.content as select md5(g::text) from generate_series(1, 50000) g");
  for (const name of ["files", "tmp"]) await mkdir(join(directory, name));
  await writeFile(join(directory, "files", "file"), "content".repeat(300_000));
  const env = {
    PATH: process.env["PATH"],
    HOME: directory,
    TMPDIR: join(directory, "tmp"),
    BACKUP_AWARENESS_HOME: join(directory, "home"),
    BACKUP_AWARENESS_FQDN: "engine.example.com",
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    BACKUP_AWARENESS_SCOPES_DB_URL: database.url,
    BACKUP_AWARENESS_SCOPES_FILES_PATHS: join(directory, "files"),
    BACKUP_AWARENESS_ARCHIVE_DIRECTORY: join(directory, "archives"),
  };
  const run: Run = async (killAfterMs, signal) => {
    const startedMs = performance.now();
    const child = spawn(process.execPath, [program, "--mode=backup"], { env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += String(data)));
    const ended = once(child, "close") as Promise<[number | null]>;
    if (killAfterMs !== undefined) {
      await Promise.race([delay(killAfterMs), ended]);
      child.kill(signal);
    }
    const [code] = await ended;
    return { code, tookMs: performance.now() - startedMs, said };
  };
  return { directory, archives: join(directory, "archives"), url: database.url, run };
}

/** Every file of these directories that holds one of the texts. */
async function filesWith(texts: readonly string[], directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    if (texts.some((text) => content.includes(text))) found.push(path);
  }
  return found;
}

describe(`a backup that is killed at any moment (TEST_SEED=${seed})`, () => {
  it("leaves no file that looks like a backup and is none, no password, and nothing that a next run would stumble over", async (test) => {
    test.diagnostic(`TEST_SEED=${seed}`);
    await Promise.all(Array.from({ length: lanes }, (_, lane) => killAgainAndAgain(test, lane)));
  });
});

async function killAgainAndAgain(test: TestContext, lane: number): Promise<void> {
  const { directory, archives, url, run } = await engine(test);
  const random = randomNumbers(seed + lane);
  const password = decodeURIComponent(new URL(url).password);
  const { code, tookMs, said } = await run();
  assert.equal(code, 0, said);
  const whole = new Set(await readdir(archives));

  for (let moment = lane; moment < moments; moment += lanes) {
    const signal = signals[moment % signals.length] ?? "SIGKILL";
    const afterMs = random() * tookMs * 1.1;
    const what = `${signal} after ${Math.round(afterMs)} of ${Math.round(tookMs)} ms (TEST_SEED=${seed}, moment ${moment})`;
    const ended = await run(afterMs, signal);
    const names = await readdir(archives);
    for (const name of names.filter((each) => !each.startsWith(".") && !whole.has(each))) {
      // It had its name before the signal came: then it is whole.
      assert.ok((await memberNames(join(archives, name))).includes("./manifest.json"), `${what}: ${name}`);
      whole.add(name);
    }
    if (signal !== "SIGKILL") {
      assert.deepEqual(
        names.filter((each) => each.startsWith(".")),
        [],
        what,
      );
      assert.ok([0, 1, null].includes(ended.code), `${what}: ended with ${ended.code}: ${ended.said}`);
    }
    assert.deepEqual(await filesWith([password], directory), [], what);
  }

  const last = await run();
  assert.equal(last.code, 0, `the run after all (TEST_SEED=${seed}): ${last.said}`);
  assert.deepEqual(
    (await readdir(archives)).filter((name) => name.startsWith(".")),
    [],
  );
  const { rows } = await execute(
    url,
    "select count(*)::int as n from backup_awareness.engine_backup_log where is_passed and scope = 'db'",
  );
  assert.ok((rows[0] as { n: number }).n >= 2);
  for (const name of whole) await rm(join(archives, name));
}
