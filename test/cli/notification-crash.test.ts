import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { backupAwarenessProgram } from "../../src/cli/program.ts";
import { startDaemon } from "../support/daemon.ts";
import { type Letter, type MailServer, readablePart, startMailServer, testCaFile } from "../support/mail-server.ts";
import { createMigratedDatabase } from "../support/migrated-database.ts";
import { callCommand } from "../support/run-command.ts";
import { testServers } from "../support/servers.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The full measure is a hundred: BACKUP_AWARENESS_KILLS=100. */
const kills = Number(process.env["BACKUP_AWARENESS_KILLS"] ?? 5);
const alerts = 1_000;
/** Each hears of every alert, so that there is more to interrupt. */
const channels = ["one", "two", "three", "four"];
/** A daemon lives between nothing and so long, from the moment at which it listens. */
const longestLifeMs = 4_000;
const ownFqdn = "host.example.com";

/** A mail server that is there and away in turn, each for a second or two. */
class UnsteadyMailServer {
  readonly letters: Letter[] = [];
  #server: MailServer | null = null;
  #port = 0;

  get port(): number {
    return this.#port;
  }

  async open(): Promise<void> {
    if (this.#server !== null) return;
    this.#server = await startMailServer({ port: this.#port, onLetter: (letter) => void this.letters.push(letter) });
    this.#port = this.#server.port;
  }

  async close(): Promise<void> {
    const closing = this.#server;
    this.#server = null;
    await closing?.close();
  }

  async beUnsteady(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(500 + Math.random() * 1_500);
      await (this.#server === null ? this.open() : this.close());
    }
  }
}

const name = `kill -9 of the daemon at ${kills} random moments, a thousand alerts, a mail server that is away half of the time: all is told`;
test(name, { timeout: 180_000 + kills * 8_000 }, async () => {
  const database = await createMigratedDatabase(testServers[0]!, { ownFqdn });
  const pool = new pg.Pool({ connectionString: database.url, max: 4, options: "-c search_path=backup_awareness" });
  const home = await mkdtemp(join(tmpdir(), "notification-crash-"));
  const mail = new UnsteadyMailServer();
  const stop = new AbortController();
  const variables = {
    BACKUP_AWARENESS_HOME: home,
    BACKUP_AWARENESS_FQDN: ownFqdn,
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    BACKUP_AWARENESS_NOTIFICATION_ALLOW_PRIVATE_ADDRESSES: "127.0.0.0/8",
  };
  const call = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await callCommand(backupAwarenessProgram, words, { variables });
    assert.equal(code, 0, stderr);
  };
  /** When the clearing of an engine's alert was committed, at the latest. */
  const clearedBy = new Map<string, Date>();
  try {
    await mail.open();
    for (const channel of channels) {
      await call(
        ...["channel", "add", channel, "--kind", "email", "--set", "host=localhost", "--set", `port=${mail.port}`],
        ...["--set", "from=watch@example.com", "--set", `to=${channel}@example.com`, "--set", `ca_file=${testCaFile}`],
      );
      await call("rule", "add", "--channel", channel, "--engine", "k*.example.com");
    }

    const turning = turnAlerts(pool, clearedBy, stop.signal);
    const unsteady = mail.beUnsteady(stop.signal);
    const hurry = passPauses(pool, stop.signal);
    for (let kill = 1; kill <= kills; kill++) {
      const daemon = await startDaemon(variables);
      await delay(Math.random() * longestLifeMs);
      await daemon.end("SIGKILL");
    }
    stop.abort();
    await Promise.all([turning, unsteady, hurry]);
    await turnTheRest(pool, clearedBy);
    await mail.open();
    const last = await startDaemon(variables);
    await waitUntil(
      "nothing waits any more",
      async () => {
        await passPause(pool);
        const { rows } = await pool.query("select from notification where state in ('queued', 'sending')");
        return rows.length === 0;
      },
      90_000,
    );
    await last.end("SIGTERM");
    await judge(pool, mail.letters, clearedBy);
  } finally {
    stop.abort();
    await mail.close();
    await pool.end();
    await database.drop();
    await rm(home, { recursive: true, force: true });
  }
});

/** Raises a thousand alerts, a few at a time, and clears three of four after a while. */
async function turnAlerts(pool: pg.Pool, clearedBy: Map<string, Date>, signal: AbortSignal): Promise<void> {
  const open: string[] = [];
  const pauseMs = (kills * (longestLifeMs / 2 + 700)) / (alerts / 5);
  for (let next = 0; next < alerts && !signal.aborted;) {
    for (let i = 0; i < 5 && next < alerts; i++) {
      const fqdn = `k${next++}.example.com`;
      await pool.query("select add_engine($1, 'test')", [fqdn]);
      open.push(fqdn);
    }
    while (open.length > alerts / 4) {
      const [fqdn] = open.splice(Math.floor(Math.random() * open.length), 1);
      await clear(pool, fqdn!, clearedBy);
    }
    await delay(pauseMs);
  }
}

/** Those that there was no time for. */
async function turnTheRest(pool: pg.Pool, clearedBy: Map<string, Date>): Promise<void> {
  await pool.query(
    "select count(add_engine('k' || i || '.example.com', 'test')) from generate_series(0, $1) i where not exists (select from alert where fqdn = 'k' || i || '.example.com')",
    [alerts - 1],
  );
  const { rows } = await pool.query<{ fqdn: string }>(
    "select fqdn from alert where cleared_at is null and fqdn like 'k%' order by random() limit $1",
    [alerts / 8],
  );
  for (const { fqdn } of rows) await clear(pool, fqdn, clearedBy);
}

async function clear(pool: pg.Pool, fqdn: string, clearedBy: Map<string, Date>): Promise<void> {
  await pool.query("select remove_engine($1, 'test')", [fqdn]);
  clearedBy.set(fqdn, new Date());
}

/** The pauses between tries are for days, not for a test: they pass at once. */
async function passPauses(pool: pg.Pool, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await passPause(pool);
    await delay(250);
  }
}

async function passPause(pool: pg.Pool): Promise<void> {
  await pool.query("update channel set retry_at = null where retry_at is not null");
  await pool.query(
    "update graphile_worker._private_jobs set run_at = now() where run_at > now() and task_id = (select id from graphile_worker._private_tasks where identifier = 'send_notifications')",
  );
}

/** What was received against what was to be told. */
async function judge(pool: pg.Pool, letters: readonly Letter[], clearedBy: ReadonlyMap<string, Date>): Promise<void> {
  const received = new Map<string, number>();
  for (const { source, to } of letters) {
    const [channel] = to[0]!.split("@");
    const kind = /^Subject: \[Backup Awareness\] Resolved/m.test(source) ? "cleared" : "raised";
    const engines = new Set(readablePart(source, "text/plain").match(/\bk\d+\.example\.com/g));
    for (const engine of engines) {
      const what = `${kind} ${engine} ${channel!}`;
      received.set(what, (received.get(what) ?? 0) + 1);
    }
  }
  const { rows: told } = await pool.query<{ what: string; state: string; cleared: boolean; interrupted: boolean }>(
    `select concat_ws(' ', n.kind, n.fqdn, c.name) as what, n.state, a.cleared_at is not null as cleared,
            exists (select from delivery d where n.id = any (d.notification_ids) and d.outcome in ('interrupted', 'temporary')) as interrupted
     from notification n join alert a on a.id = n.alert_id join channel c on c.id = n.channel_id`,
  );
  assert.equal(told.filter(({ what }) => what.startsWith("raised")).length, alerts * channels.length);
  const accepted = told.filter(({ state }) => state === "accepted");
  assert.deepEqual(
    accepted.filter(({ what }) => !received.has(what)).map(({ what }) => what),
    [],
    "accepted, yet never received",
  );
  assert.deepEqual(
    told.filter(({ state, cleared }) => state !== "accepted" && !(state === "withdrawn" && cleared)),
    [],
    "lost",
  );

  const { rows: tries } = await pool.query<{ fqdn: string; begun_at: Date }>(
    `select n.fqdn, d.begun_at from delivery d join notification n on n.id = any (d.notification_ids) where d.kind = 'raised'`,
  );
  const late = tries.filter(({ fqdn, begun_at }) => begun_at > (clearedBy.get(fqdn) ?? begun_at));
  assert.deepEqual(late, [], "tries of cleared alerts that began after the clearing");

  const twice = told.filter(({ what }) => (received.get(what) ?? 0) > 1);
  assert.deepEqual(
    twice.filter(({ interrupted }) => !interrupted),
    [],
    "told twice without an interrupted try",
  );
  const share = twice.length / accepted.length;
  const { rows: counts } = await pool.query<{ outcome: string; count: string }>(
    "select outcome, count(*) from delivery group by 1 order by 1",
  );
  console.error(
    `${letters.length} letters, ${accepted.length} accepted, ${twice.length} twice (${(share * 100).toFixed(2)} %); tries: ${counts.map(({ outcome, count }) => `${count} ${outcome}`).join(", ")}`,
  );
  if (kills >= 100) assert.ok(share < 0.01, `${(share * 100).toFixed(2)} % were told twice`);
}
