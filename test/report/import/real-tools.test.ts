import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { createMigratedDatabase, type MigratedDatabase } from "../../support/migrated-database.ts";
import { missingTool } from "../../support/real-tool.ts";
import { testServers } from "../../support/servers.ts";
import { waitUntil } from "../../support/wait-until.ts";

const program = join(import.meta.dirname, "../../../src/cli/backup-awareness.ts");
/** Tools that may read everything would never make a partial backup: root's tests run them as nobody. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
let database: MigratedDatabase;
let pool: pg.Pool;
let directory: string;

before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "own.example.com" });
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  directory = await mkdtemp(join(tmpdir(), "real-tools-"));
  await chmod(directory, 0o755);
  await mkdir(join(directory, "home"));
  if (nobody.uid !== undefined) await chown(join(directory, "home"), nobody.uid, nobody.gid);
});

after(async () => {
  await pool.end();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

function environment(): Record<string, string | undefined> {
  return {
    PATH: process.env["PATH"],
    HOME: join(directory, "home"),
    BACKUP_AWARENESS_TEST_RUN: process.env["BACKUP_AWARENESS_TEST_RUN"],
    BACKUP_AWARENESS_HOME: join(directory, "home", "backup-awareness"),
    BACKUP_AWARENESS_FQDN: "host.example.com",
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    RESTIC_PASSWORD: "secret",
    RESTIC_REPOSITORY: join(directory, "home", "restic"),
    BORG_REPO: join(directory, "home", "borg"),
    BORG_BASE_DIR: join(directory, "home"),
  };
}

type Ended = { readonly code: number | null; readonly output: string };

async function endOf(child: ChildProcess): Promise<Ended> {
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

function call(command: string, words: readonly string[]): Promise<Ended> {
  return endOf(
    spawn(command, words, { env: environment(), cwd: directory, stdio: ["ignore", "pipe", "pipe"], ...nobody }),
  );
}

const ours = (...words: string[]): Promise<Ended> => call(process.execPath, [program, ...words]);

async function fine(ended: Promise<Ended>): Promise<string> {
  const { code, output } = await ended;
  assert.equal(code, 0, output);
  return output;
}

async function backups(scope: string) {
  const { rows } = await pool.query<Record<string, unknown>>(
    `select outcome, reported_at is not null as reported, listed_at is not null as listed from backup_awareness.backup where scope = $1 order by id`,
    [scope],
  );
  return rows;
}

async function lastSuccess(scope: string): Promise<Date | null> {
  const { rows } = await pool.query<{ at: Date | null }>(
    "select last_success_at as at from backup_awareness.engine_scope where scope = $1",
    [scope],
  );
  return rows[0]?.at ?? null;
}

/** A directory to back up, one of whose files cannot be read. */
async function makeSource(name: string): Promise<{ readable: string; partial: string }> {
  const [readable, partial] = [join(directory, `${name}-readable`), join(directory, `${name}-partial`)];
  for (const path of [readable, partial]) {
    await mkdir(path);
    await writeFile(join(path, "file"), "precious");
  }
  await writeFile(join(partial, "secret"), "closed", { mode: 0o000 });
  return { readable, partial };
}

describe("restic", { skip: missingTool("restic") }, () => {
  test("a run that could not read a file is incomplete, and its snapshot makes no success of it", async () => {
    const { readable, partial } = await makeSource("restic");
    await fine(call("restic", ["init"]));
    const run = await ours("run", "--scope", "restic", "--", "restic", "backup", partial);
    assert.equal(run.code, 3, run.output);
    const list = ["import", "restic", "--scope", "restic", "--accept-unknown", "--", "restic", "snapshots", "--json"];
    assert.match(await fine(ours(...list)), /1 backups are listed\n1 had been reported/);
    assert.deepEqual(await backups("restic"), [{ outcome: "incomplete", reported: true, listed: true }]);
    assert.equal(await lastSuccess("restic"), null);

    await fine(ours("run", "--scope", "restic", "--", "restic", "backup", readable));
    assert.match(await fine(ours(...list)), /2 backups are listed\n1 had been reported/);
    assert.match(await fine(ours(...list)), /^2 backups are listed\n$/);
    assert.deepEqual((await backups("restic"))[1], { outcome: "completed", reported: true, listed: true });
    assert.ok((await lastSuccess("restic")) !== null);
  });

  test("a snapshot that nobody reported is unknown until it is accepted; one that is forgotten is missed", async () => {
    const list = ["--", "restic", "snapshots", "--json"];
    await fine(ours("import", "restic", "--scope", "listed", ...list));
    assert.equal(await lastSuccess("listed"), null);
    await fine(ours("import", "restic", "--scope", "listed", "--accept-unknown", ...list));
    assert.ok((await lastSuccess("listed")) !== null);
    await fine(call("restic", ["forget", "latest"]));
    assert.match(
      await fine(ours("import", "restic", "--scope", "listed", "--accept-unknown", ...list)),
      /1 are listed no longer/,
    );
    assert.match(await fine(ours("alerts")), /ENGINE_BACKUP_GONE/);
  });

  test("a repository that is not there is an alert with restic's own word", async () => {
    const ended = await ours(
      "import",
      "restic",
      "--scope",
      "lost",
      "--",
      "restic",
      "-r",
      "/nonexistent",
      "snapshots",
      "--json",
    );
    assert.equal(ended.code, 1);
    assert.match(
      await fine(ours("alerts")),
      /The importer restic \(restic\) of scope lost .* restic ended with exit code \d+: /,
    );
  });
});

describe("borg", { skip: missingTool("borg") }, () => {
  const list = ["--", "borg", "list", "--json", "--format", "{end}{hostname}"];

  test("a run with a warning is incomplete; a whole one is listed with its end", async () => {
    const { readable, partial } = await makeSource("borg");
    await fine(call("borg", ["init", "-e", "none"]));
    assert.equal(
      (await ours("run", "--scope", "borg", "--", "borg", "create", "--stats", "::partial", partial)).code,
      1,
    );
    await fine(ours("import", "borg", "--scope", "borg", "--accept-unknown", ...list));
    assert.equal(await lastSuccess("borg"), null);
    await fine(ours("run", "--scope", "borg", "--", "borg", "create", "--stats", "::whole", readable));
    await fine(ours("import", "borg", "--scope", "borg", "--accept-unknown", ...list));
    assert.deepEqual(await backups("borg"), [
      { outcome: "incomplete", reported: true, listed: true },
      { outcome: "completed", reported: true, listed: true },
    ]);
  });

  test("a run that was killed has left no backup", async () => {
    const repository = join(directory, "home", "borg", "data");
    const before = (await readdir(repository, { recursive: true })).length;
    const child = spawn("borg", ["create", "--checkpoint-interval", "1", "::killed", "-"], {
      env: environment(),
      stdio: ["pipe", "ignore", "ignore"],
      ...nobody,
    });
    child.stdin.on("error", () => undefined);
    const feed = setInterval(() => child.stdin.write(Buffer.alloc(4_000_000, String(Math.random()))), 100);
    try {
      await waitUntil(
        "borg has written",
        async () => (await readdir(repository, { recursive: true })).length > before + 1,
      );
    } finally {
      clearInterval(feed);
      child.kill("SIGKILL");
    }
    await once(child, "exit");
    await fine(call("borg", ["break-lock"]));
    const all = ["--", "borg", "list", "--json", "--consider-checkpoints", "--format", "{end}{hostname}"];
    assert.match(
      await fine(ours("import", "borg", "--scope", "killed", "--accept-unknown", ...all)),
      /^2 backups are listed/,
    );
    const { rows } = await pool.query(
      "select archive from backup_awareness.backup where scope = 'killed' order by archive",
    );
    assert.deepEqual(rows, [{ archive: "partial" }, { archive: "whole" }]);
  });
});
