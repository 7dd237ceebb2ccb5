import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { startDaemon } from "../support/daemon.ts";
import { findServer } from "../support/find-server.ts";
import { runCommand } from "../support/run-command.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The full measure is a hundred: BACKUP_AWARENESS_CRASHES=100. */
const crashes = Number(process.env["BACKUP_AWARENESS_CRASHES"] ?? 5);
const fqdn = "host.example.com";

/** Sends reports, one after the other, until the server dies under them. Those that it acknowledged are added to `acknowledged`. */
async function reportUntilDeath(
  url: string,
  unacknowledged: string | null,
  acknowledged: string[],
  onAcknowledged: () => void,
): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  // What the crash before left open is sent again, as a spool would.
  let doneAt = unacknowledged ?? nextMoment();
  try {
    for (;;) {
      await client.query("select LogEngineBackupEvent('db', $1, 1, 'ok', $2, null)", [doneAt, fqdn]);
      acknowledged.push(doneAt);
      onAcknowledged();
      doneAt = nextMoment();
    }
  } catch {
    return doneAt;
  } finally {
    await client.end().catch(() => undefined);
  }
}

let lastMoment = Date.now() - 86_400_000;
/** Each report's own time. */
function nextMoment(): string {
  return new Date(++lastMoment).toISOString();
}

async function urlWithPassword(home: string, variables: Record<string, string>): Promise<string> {
  const { stdout, stderr } = await runCommand("backup-awareness", ["database", "url"], variables);
  assert.match(stdout, /^postgres:/, stderr);
  const url = new URL(stdout.trim());
  url.searchParams.delete("passfile");
  const passfile = await readFile(join(home, "postgres", `${url.username}.pgpass`), "utf8");
  url.password = passfile.trim().split(":").at(-1) ?? "";
  return url.href;
}

test(`every acknowledged report outlives kill -9 of the daemon and its PostgreSQL, ${crashes} times, each once`, async () => {
  const home = await mkdtemp(join(tmpdir(), "crash-"));
  const variables = { BACKUP_AWARENESS_HOME: home, BACKUP_AWARENESS_FQDN: fqdn };
  const acknowledged: string[] = [];
  try {
    let open: string | null = null;
    let url: string | null = null;
    for (let crash = 1; crash <= crashes; crash++) {
      const daemon = await startDaemon(variables);
      await daemon.logged(/the daemon is ready/);
      url ??= await urlWithPassword(home, variables);
      let inThisRound = 0;
      const reporting = reportUntilDeath(url, open, acknowledged, () => {
        inThisRound++;
      });
      await waitUntil("some reports are acknowledged", () => inThisRound >= 1 + (crash % 7));
      const server = await findServer(home);
      assert.ok(server !== null);
      // Now the one first, now the other.
      for (const pid of crash % 2 === 0 ? [daemon.pid, server] : [server, daemon.pid]) process.kill(pid, "SIGKILL");
      open = await reporting;
    }
    const daemon = await startDaemon(variables);
    await daemon.healthy();
    const client = new pg.Client({ connectionString: url! });
    await client.connect();
    const { rows } = await client.query<{ done_at: Date; times: number }>(
      "select done_at, count(*)::int as times from backup_awareness.engine_backup_log group by done_at",
    );
    await client.end();
    const times = new Map(rows.map((row) => [row.done_at.toISOString(), row.times]));
    assert.deepEqual(
      acknowledged.filter((moment) => times.get(moment) !== 1),
      [],
    );
    // What was cut off in the middle of its commit may be there too.
    assert.ok(times.size - acknowledged.length <= 1, `${times.size} recorded, ${acknowledged.length} acknowledged`);
    assert.equal((await daemon.end("SIGTERM")).code, 0);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
