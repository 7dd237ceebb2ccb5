import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { backupAwarenessProgram } from "../src/cli/program.ts";
import { startDaemon, type TestDaemon } from "../test/support/daemon.ts";
import { type MailServer, startMailServer, testCaFile } from "../test/support/mail-server.ts";
import { callCommand } from "../test/support/run-command.ts";
import { waitUntil } from "../test/support/wait-until.ts";
import { createBenchDatabase } from "./bench-database.ts";
import { printTable } from "./figures.ts";

const stormEngines = 10_000;
const idleSeconds = 60;
/** Linux counts processor time in hundredths of a second. */
const ticksPerSecond = 100;

/** A storm: all engines turn stale at once, and are fresh again at once. Then what a daemon costs that has nothing to do. */
export async function benchNotify({ serverUrl }: { readonly serverUrl: string }): Promise<void> {
  const database = await createBenchDatabase(serverUrl);
  const home = await mkdtemp(join(tmpdir(), "bench-notify-"));
  const pool = new pg.Pool({ connectionString: database.url, max: 2, options: "-c search_path=backup_awareness" });
  const mail = await startMailServer();
  const variables = {
    BACKUP_AWARENESS_HOME: home,
    BACKUP_AWARENESS_FQDN: "own.example.com",
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    BACKUP_AWARENESS_NOTIFICATION_ALLOW_PRIVATE_ADDRESSES: "127.0.0.0/8",
  };
  let daemon: TestDaemon | null = null;
  try {
    await addMailChannel(variables, mail);
    await pool.query(
      `insert into engine (fqdn, added_at, since_at, noted_state, full_backup_at, default_oldest_at)
       select 'engine' || e || '.example.com', t, t, 'fresh', t, t
       from (select e, now() - interval '25 hours' as t from generate_series(1, $1) e) r`,
      [stormEngines],
    );
    await pool.query(
      `insert into engine_scope (fqdn, scope, last_success_at, last_success_done_at, last_finish_at)
       select fqdn, s, full_backup_at, full_backup_at, full_backup_at from engine cross join unnest(array['db', 'files']) s
       where full_backup_at is not null`,
    );
    await pool.query("analyze");
    daemon = await startDaemon(variables);
    const { pid } = daemon;
    const stale = await timeStorm(pool, mail, "raised");
    const before = mail.letters.length;
    await pool.query("select set_option('BackupAlertPeriodInDays', '30', 'bench')");
    const fresh = await timeStorm(pool, mail, "cleared");
    const peak = await peakMegabytes(pid);
    printTable(
      ["what turns at once", "messages", "seconds until the last one is accepted", "peak memory of the daemon"],
      [
        [`${stormEngines} engines stale`, String(before), stale.toFixed(1), `${peak} MB`],
        [`${stormEngines} engines fresh again`, String(mail.letters.length - before), fresh.toFixed(1), ""],
      ],
    );
    const [cpuMs, transactions] = await measureIdle(pool, pid);
    printTable(
      ["a daemon with nothing to do", "per minute"],
      [
        ["processor time", `${cpuMs.toFixed(0)} ms`],
        ["transactions", transactions.toFixed(0)],
      ],
    );
  } finally {
    await daemon?.end("SIGTERM");
    await mail.close();
    await pool.end();
    await database.drop();
    await rm(home, { recursive: true, force: true });
  }
}

async function addMailChannel(variables: Record<string, string>, mail: MailServer): Promise<void> {
  for (const words of [
    [
      ...["channel", "add", "ops", "--kind", "email", "--set", "host=localhost", "--set", `port=${mail.port}`],
      ...["--set", "from=watch@example.com", "--set", "to=ann@example.com", "--set", `ca_file=${testCaFile}`],
    ],
    ["rule", "add", "--channel", "ops", "--engine", "engine*"],
  ]) {
    const { code, stderr } = await callCommand(backupAwarenessProgram, words, { variables });
    if (code !== 0) throw new Error(stderr);
  }
}

/** Seconds from the moment at which the alerts turned until no notification of that kind waits any more. */
async function timeStorm(pool: pg.Pool, mail: MailServer, kind: "raised" | "cleared"): Promise<number> {
  await waitUntil(
    `all is ${kind} and told`,
    async () => {
      const { rows } = await pool.query<{ done: string }>(
        "select count(*) as done from notification where kind = $1 and state = 'accepted'",
        [kind],
      );
      return Number(rows[0]?.done) === stormEngines;
    },
    120_000,
  );
  const { rows } = await pool.query<{ at: Date }>(
    `select max(${kind === "raised" ? "raised_at" : "cleared_at"}) as at from alert`,
  );
  return ((mail.letters.at(-1)?.at.getTime() ?? NaN) - (rows[0]?.at.getTime() ?? NaN)) / 1000;
}

async function measureIdle(pool: pg.Pool, pid: number): Promise<[cpuMs: number, transactions: number]> {
  await delay(15_000); // what the storm has left to do
  const [cpuBefore, transactionsBefore] = [await cpuTicks(pid), await countTransactions(pool)];
  await delay(idleSeconds * 1000);
  const ticks = (await cpuTicks(pid)) - cpuBefore;
  const transactions = (await countTransactions(pool)) - transactionsBefore;
  return [((ticks / ticksPerSecond) * 1000 * 60) / idleSeconds, (transactions * 60) / idleSeconds];
}

async function cpuTicks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function countTransactions(pool: pg.Pool): Promise<number> {
  await delay(1_500); // a session hands its figures in once a second
  const { rows } = await pool.query<{ count: string }>(
    "select xact_commit + xact_rollback as count from pg_stat_database where datname = current_database()",
  );
  return Number(rows[0]?.count);
}

async function peakMegabytes(pid: number): Promise<number> {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1024);
}
