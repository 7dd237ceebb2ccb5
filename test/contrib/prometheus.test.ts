import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pg from "pg";
import { createToken } from "../../src/database/tokens.ts";
import { startDaemon } from "../support/daemon.ts";
import { createMigratedDatabase } from "../support/migrated-database.ts";
import { findMonitoringProgram } from "../support/monitoring-programs.ts";
import { testServers } from "../support/servers.ts";
import { waitUntil } from "../support/wait-until.ts";

const contrib = join(import.meta.dirname, "../../contrib");
const rulesFile = join(contrib, "prometheus/backup-awareness.rules.yml");
const promtool = findMonitoringProgram("promtool");
const prometheus = findMonitoringProgram("prometheus");
const ownFqdn = "host.example.com";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "prometheus-"));
  // Debian's prometheus may be run as root here; its directory is its own.
  await chmod(directory, 0o700);
});
after(() => rm(directory, { recursive: true, force: true }));

test(
  "the alert rules fire when they should and not before",
  { skip: promtool === null ? "no promtool" : false },
  () => {
    const { status, stdout, stderr } = spawnSync(
      promtool!.file,
      ["test", "rules", join(import.meta.dirname, "prometheus-rules.test.yml")],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, stdout + stderr);
  },
);

test(
  "a real Prometheus scrapes a daemon, the rules fire there, and it answers every query of the dashboard",
  { skip: prometheus === null ? "no prometheus" : false },
  async (t) => {
    // What was begun last ends first.
    const endings: (() => Promise<unknown>)[] = [];
    t.after(async () => {
      for (const end of endings.toReversed()) await end();
    });
    const database = await createMigratedDatabase(testServers[0]!, { ownFqdn });
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    endings.push(
      () => database.drop(),
      () => pool.end(),
    );
    const { secret } = await createToken(
      pool,
      { name: "prometheus", kind: "read", engine: null, expiresAt: null },
      "test",
    );
    const daemon = await startDaemon({
      BACKUP_AWARENESS_HOME: join(directory, "home"),
      BACKUP_AWARENESS_FQDN: ownFqdn,
      BACKUP_AWARENESS_DATABASE_URL: database.url,
      BACKUP_AWARENESS_METRICS_LISTEN: "127.0.0.1:0",
    });
    endings.push(() => daemon.end("SIGTERM"));
    await daemon.healthy();
    const open = (await daemon.logged(/^metrics without a token on/)).split(" on ")[1]!;
    assert.match(await (await fetch(open)).text(), /^backup_awareness_up 1$/m);
    for (const scope of ["db", "files"])
      await pool.query(
        "select backup_awareness.record_report($1, now() - interval '30 hours', 'completed', 'ok', 'old.example.com', null, v_duration_ms => 10, v_size_bytes => 10)",
        [scope],
      );
    await pool.query(
      "select backup_awareness.record_report('db', now(), 'failed', 'no space', 'old.example.com', null)",
    );

    const config = {
      token: join(directory, "token"),
      rules: join(directory, "rules.yml"),
      prometheus: join(directory, "prometheus.yml"),
    };
    await writeFile(config.token, secret);
    // Without the waiting that spares a person a false alarm.
    await writeFile(config.rules, (await readFile(rulesFile, "utf8")).replace(/^ +for: .*\n/gm, ""));
    const example = await readFile(join(contrib, "prometheus/scrape.example.yml"), "utf8");
    await writeFile(
      config.prometheus,
      `global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\n${example
        .replace("backup-awareness.rules.yml", config.rules)
        .replace("scrape_interval: 1m", "scrape_interval: 1s")
        .replace("/etc/prometheus/backup-awareness.token", config.token)
        .replace("127.0.0.1:8480", new URL(daemon.url).host)}`,
    );
    const url = `http://127.0.0.1:${await freePort()}`;
    const child = spawn(
      prometheus!.file,
      [
        `--config.file=${config.prometheus}`,
        `--storage.tsdb.path=${join(directory, "data")}`,
        `--web.listen-address=${new URL(url).host}`,
        "--log.level=warn",
      ],
      { stdio: ["ignore", "ignore", "pipe"], cwd: directory },
    );
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    endings.push(async () => {
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    });
    const get = async <Data>(path: string): Promise<Data | null> => {
      if (child.exitCode !== null) throw new Error(`Prometheus has ended: ${said}`);
      const answer = await fetch(url + path).catch(() => null);
      // 503: it reads its storage first.
      if (answer === null || answer.status === 503) return null;
      const body = (await answer.json()) as { status: string; error?: string; data: Data };
      assert.equal(body.status, "success", `${path}: ${body.error ?? ""}`);
      return body.data;
    };
    type Alerts = { alerts: { state: string; labels: Record<string, string> }[] };
    const firing = async (): Promise<string[]> =>
      ((await get<Alerts>("/api/v1/alerts"))?.alerts ?? [])
        .filter(({ state }) => state === "firing")
        .map(({ labels }) => `${labels["alertname"]} ${labels["engine"]}`)
        .toSorted();
    const expected = [
      "EngineBackupFailed old.example.com",
      "EngineBackupStale old.example.com",
      `EngineNoFullBackup ${ownFqdn}`,
    ];
    await waitUntil(
      "the alerts fire",
      async () => {
        const found = await firing();
        return expected.every((each) => found.includes(each));
      },
      60_000,
    );
    assert.deepEqual(await firing(), expected);

    const dashboard = JSON.parse(await readFile(join(contrib, "grafana/backup-awareness.json"), "utf8")) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) {
        const query = expr.replaceAll("$job", ".*").replaceAll("$engine", ".*");
        const data = await get<{ result: unknown[] }>(`/api/v1/query?query=${encodeURIComponent(query)}`);
        const mayBeEmpty = /stalled|notifications_waiting/.test(expr);
        assert.ok(data!.result.length > 0 || mayBeEmpty, `${title}: ${query} finds nothing`);
      }
    }
  },
);

test("rules and dashboard speak of metrics that there are", async () => {
  const exported = new Set(
    [
      ...(await readFile(join(import.meta.dirname, "../../docs/monitoring.md"), "utf8")).matchAll(
        /^\| `(backup_awareness_\w+)/gm,
      ),
    ].map(([, name]) => name!),
  );
  assert.ok(exported.size > 20);
  for (const file of [rulesFile, join(contrib, "grafana/backup-awareness.json")]) {
    const used = new Set((await readFile(file, "utf8")).match(/\bbackup_awareness_\w+/g));
    assert.ok(used.size > 5);
    for (const name of used) assert.ok(exported.has(name), `${file}: ${name}`);
  }
});

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
