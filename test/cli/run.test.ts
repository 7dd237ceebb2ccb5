import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { startCommand } from "../support/run-command.ts";
import { testServers } from "../support/servers.ts";
import { waitUntil } from "../support/wait-until.ts";

const program = join(import.meta.dirname, "../../src/cli/backup-awareness.ts");
let database: MigratedDatabase;
let pool: pg.Pool;
let home: string;

before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "own.example.com" });
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  home = await mkdtemp(join(tmpdir(), "run-"));
});

after(async () => {
  await pool.end();
  await database.drop();
  await rm(home, { recursive: true, force: true });
});

function variables(more: Record<string, string> = {}): Record<string, string> {
  return {
    BACKUP_AWARENESS_HOME: home,
    BACKUP_AWARENESS_FQDN: "host.example.com",
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    ...more,
  };
}

type Ended = { readonly code: number | null; readonly stdout: Buffer; readonly stderr: string };

/** `backup-awareness run …` with bytes for its standard input. */
async function run(
  words: readonly string[],
  options: { readonly input?: Buffer; readonly variables?: Record<string, string> } = {},
): Promise<Ended> {
  const env = { PATH: process.env["PATH"], HOME: home, ...(options.variables ?? variables()) };
  const child = spawn(process.execPath, [program, "run", ...words], { env, stdio: ["pipe", "pipe", "pipe"] });
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: Buffer.concat(stdout), stderr };
}

type Row = { readonly is_passed: boolean; readonly output_message: string; readonly log_path: string | null };

/** What is logged of a scope, oldest first. */
async function logOf(scope: string, fqdn = "host.example.com"): Promise<readonly Row[]> {
  const { rows } = await pool.query<Row>(
    "select is_passed, output_message, log_path from backup_awareness.engine_backup_log where scope = $1 and fqdn = $2 order by done_at",
    [scope, fqdn],
  );
  return rows;
}

test("exit code 0 is a completed backup of this host's engine, with the end of the output, both streams", async () => {
  const ended = await run([
    "--scope",
    "db",
    "--log-path",
    "/var/log/x",
    "--",
    "sh",
    "-c",
    "echo dumped; echo 'a warning' >&2",
  ]);
  assert.deepEqual([ended.code, ended.stdout.toString(), ended.stderr], [0, "dumped\n", "a warning\n"]);
  const rows = await logOf("db");
  assert.deepEqual([rows[0]?.is_passed, rows[0]?.log_path, rows.length], [true, "/var/log/x", 1]);
  assert.deepEqual(new Set(rows[0]?.output_message.split("\n")), new Set(["dumped", "a warning"]));
  const { rows: runs } = await pool.query(
    "select tool, duration_ms >= 0 as timed, outcome from backup_awareness.backup where scope = 'db'",
  );
  assert.deepEqual(runs, [{ tool: "sh", timed: true, outcome: "completed" }]);
});

test("another exit code is a failed backup, and is handed on", async () => {
  const ended = await run([
    "--scope",
    "failing",
    "--fqdn",
    "Other.Example.com",
    "--",
    "sh",
    "-c",
    "echo one; echo 'disk full'; exit 3",
  ]);
  assert.equal(ended.code, 3);
  const [row] = await logOf("failing", "other.example.com");
  assert.equal(row?.is_passed, false);
  assert.match(row.output_message, /^exit code 3: disk full\n\none\ndisk full$/);
});

test("bytes pass through untouched both ways, a megabyte and more; the report keeps the end as clean text", async () => {
  const input = Buffer.concat([randomBytes(1_500_000), Buffer.from("\0end: ü\xff", "latin1"), Buffer.from("…")]);
  const ended = await run(["--scope", "bytes", "--", "cat"], { input });
  assert.equal(ended.code, 0);
  assert.ok(ended.stdout.equals(input));
  const [row] = await logOf("bytes");
  assert.match(row?.output_message ?? "", /\u{FFFD}end: \u{FFFD}\u{FFFD}…$/u);
});

test("the tool has real pipes: /dev/stderr can be opened", async () => {
  const ended = await run(["--scope", "pipes", "--", "sh", "-c", "echo out > /dev/stdout; echo err > /dev/stderr"]);
  assert.deepEqual([ended.code, ended.stdout.toString(), ended.stderr], [0, "out\n", "err\n"]);
});

test("a command that is not there is a failed backup and exit code 127", async () => {
  const ended = await run(["--scope", "missing", "--", "no-such-backup-tool"]);
  assert.equal(ended.code, 127);
  assert.match(ended.stderr, /no-such-backup-tool.*no such command/);
  assert.match((await logOf("missing"))[0]?.output_message ?? "", /could not be started: no such command/);
});

test("wrong usage is exit code 2 and runs nothing", async () => {
  for (const words of [
    ["--", "true"],
    ["--scope", "Not A Scope", "--", "true"],
    ["--scope", "db"],
    ["--scope", "db", "--fqdn", "a b", "--", "true"],
  ]) {
    assert.equal((await run(words)).code, 2, words.join(" "));
  }
});

describe("signals", () => {
  for (const [name, number] of [
    ["SIGTERM", 15],
    ["SIGINT", 2],
    ["SIGHUP", 1],
  ] as const) {
    test(`${name} is handed on; the backup failed; the exit code is ${128 + number}`, async () => {
      const scope = name.toLowerCase();
      const { child, written, outcome } = startCommand(
        "backup-awareness",
        ["run", "--scope", scope, "--", "sh", "-c", "echo begun; exec sleep 60"],
        variables(),
      );
      await waitUntil("the tool runs", () => written().stdout.includes("begun"));
      child.kill(name);
      assert.equal((await outcome()).code, 128 + number);
      assert.match((await logOf(scope))[0]?.output_message ?? "", new RegExp(`^killed by ${name}: begun`));
    });
  }

  test("a tool that ends in order when asked to has failed all the same", async () => {
    const script = "trap 'exit 0' TERM; echo begun; while :; do sleep 0.05; done";
    const { child, written, outcome } = startCommand(
      "backup-awareness",
      ["run", "--scope", "trapping", "--", "sh", "-c", script],
      variables(),
    );
    await waitUntil("the tool runs", () => written().stdout.includes("begun"));
    child.kill("SIGTERM");
    assert.equal((await outcome()).code, 143);
    assert.equal((await logOf("trapping"))[0]?.is_passed, false);
  });

  test("a tool that is killed by somebody else is told with its signal", async () => {
    const ended = await run(["--scope", "killed", "--", "sh", "-c", "kill -KILL $$"]);
    assert.equal(ended.code, 137);
    assert.match((await logOf("killed"))[0]?.output_message ?? "", /^killed by SIGKILL/);
  });
});

describe("without the database", () => {
  const nowhere = { BACKUP_AWARENESS_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" };

  test("the command runs, its exit code is handed on, and the reports arrive with the next one, in order", async () => {
    const away = await run(["--scope", "spooled", "--", "sh", "-c", "echo done; exit 4"], {
      variables: variables(nowhere),
    });
    assert.deepEqual([away.code, away.stdout.toString()], [4, "done\n"]);
    assert.match(away.stderr, /kept in the spool/);
    assert.equal((await readdir(join(home, "spool"))).length, 2);
    assert.equal((await run(["--scope", "spooled", "--", "true"])).code, 0);
    assert.deepEqual(
      (await logOf("spooled")).map(({ is_passed }) => is_passed),
      [false, true],
    );
    assert.deepEqual(await readdir(join(home, "spool")), []);
  });

  test("a report that nobody has is cried out, and the command's exit code stands", async () => {
    const unwritable = { BACKUP_AWARENESS_HOME: join(program, "no-directory"), ...nowhere };
    const ended = await run(["--scope", "lost", "--", "true"], { variables: variables(unwritable) });
    assert.equal(ended.code, 0);
    assert.match(ended.stderr, /THE REPORT "completed" OF SCOPE lost IS LOST/);
  });

  test("settings that cannot be used do not keep a backup from being made", async () => {
    const ended = await run(["--scope", "unset", "--", "echo", "made"], {
      variables: variables({ BACKUP_AWARENESS_LISTEN: "nonsense" }),
    });
    assert.deepEqual([ended.code, ended.stdout.toString()], [0, "made\n"]);
    assert.match(ended.stderr, /IS LOST/);
  });
});

type Run = {
  readonly outcome: string;
  readonly size: string | null;
  readonly files: string | null;
  readonly archive: string | null;
};

async function runsOf(scope: string): Promise<readonly Run[]> {
  const { rows } = await pool.query<Run>(
    "select outcome, size_bytes as size, file_count as files, archive from backup_awareness.backup where scope = $1 order by id",
    [scope],
  );
  return rows;
}

/** A program of that name, which prints and ends as told; its directory goes first in PATH. */
async function fakeTool(name: string, script: string): Promise<Record<string, string>> {
  const directory = await mkdtemp(join(home, "tool-"));
  await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return variables({ PATH: `${directory}:${process.env["PATH"] ?? ""}` });
}

test("a tool's own summary gives size, number of files and archive; a partial run is incomplete", async () => {
  const tool = await fakeTool(
    "restic",
    "echo 'processed 3 files, 5 B in 0:00'; echo 'snapshot 01234567 saved'; exit $1",
  );
  assert.equal((await run(["--scope", "partial", "--", "restic", "3"], { variables: tool })).code, 3);
  assert.deepEqual(await runsOf("partial"), [{ outcome: "incomplete", size: "5", files: "3", archive: "01234567" }]);
  const [row] = await logOf("partial");
  assert.equal(row?.is_passed, false);
  assert.match(row.output_message, /^exit code 3 \(some source data could not be read\): snapshot 01234567 saved/);
  const accepted = ["--scope", "accepted", "--ok-exit-codes", "0,3", "--", "restic", "3"];
  assert.equal((await run(accepted, { variables: tool })).code, 3);
  assert.equal((await runsOf("accepted"))[0]?.outcome, "completed");
});

test("--timeout ends a tool that takes too long: it has failed, exit code 124", async () => {
  const ended = await run(["--scope", "slow", "--timeout", "1s", "--", "sh", "-c", "echo begun; exec sleep 60"]);
  assert.equal(ended.code, 124);
  assert.match((await logOf("slow"))[0]?.output_message ?? "", /^timed out: begun/);
});

test("--retry runs a tool again that failed, as one run; what is incomplete is not run again", async () => {
  const script = "echo x >> $1; test $(wc -l < $1) -ge 3 || exit 5";
  const marks = join(home, "marks");
  const words = ["--scope", "again", "--retry", "3", "--retry-pause", "1s", "--", "sh", "-c", script, "sh", marks];
  assert.equal((await run(words)).code, 0);
  assert.deepEqual(
    (await runsOf("again")).map(({ outcome }) => outcome),
    ["completed"],
  );
  assert.match((await logOf("again"))[0]?.output_message ?? "", /\(try 3\)$/);
  const counted = [
    "--scope",
    "once",
    "--retry",
    "3",
    "--warning-exit-codes",
    "5",
    "--",
    "sh",
    "-c",
    `echo y >> ${marks}.2; exit 5`,
  ];
  assert.equal((await run(counted)).code, 5);
  assert.equal((await readFile(`${marks}.2`, "utf8")).trim(), "y");
});

test("--lock: while a run holds it another one with that name runs nothing and reports nothing: exit code 75", async () => {
  const first = startCommand(
    "backup-awareness",
    ["run", "--scope", "locked", "--lock", "nightly", "--", "sh", "-c", "echo begun; exec sleep 60"],
    variables(),
  );
  await waitUntil("the tool runs", () => first.written().stdout.includes("begun"));
  const second = await run(["--scope", "locked", "--lock", "nightly", "--", "echo", "made"]);
  assert.deepEqual([second.code, second.stdout.toString()], [75, ""]);
  assert.match(second.stderr, /another run holds the lock nightly/);
  assert.equal((await run(["--scope", "other", "--lock", "weekly", "--", "true"])).code, 0);
  first.child.kill("SIGTERM");
  await first.outcome();
  assert.equal((await runsOf("locked")).length, 1);
  assert.equal((await run(["--scope", "locked", "--lock", "nightly", "--", "true"])).code, 0);
});
