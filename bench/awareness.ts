import { performance } from "node:perf_hooks";
import pg from "pg";
import { type BenchDatabase, createBenchDatabase } from "./bench-database.ts";
import { median, percentile, printTable, ratio } from "./figures.ts";

const engineCount = 1_000;

/**
 * What a report and a check cost, with little and with much history, beside a plain INSERT of the same row into a table
 * without an index: what it would cost to record a backup and think of nothing.
 */
export async function benchAwareness({ serverUrl }: { readonly serverUrl: string }): Promise<void> {
  await benchReports(serverUrl);
  await benchChecks(serverUrl);
}

async function benchReports(serverUrl: string): Promise<void> {
  const rows: string[][] = [];
  const medians: number[] = [];
  for (const history of [10_000, 10_000_000]) {
    const database = await createBenchDatabase(serverUrl);
    try {
      await withClient(database, (client) => makeHistory(client, history));
      for (const durable of [true, false]) {
        const { report, insert } = await withClient(database, (client) => timeReports(client, durable, 2_000));
        if (durable) medians.push(median(report));
        rows.push([
          history.toLocaleString("en"),
          durable ? "yes" : "no",
          `${median(report).toFixed(2)} ms`,
          `${percentile(report, 99).toFixed(2)} ms`,
          `${median(insert).toFixed(2)} ms`,
          `${percentile(insert, 99).toFixed(2)} ms`,
          ratio(median(report), median(insert)),
        ]);
      }
      const throughput = await reportsPerSecond(database, 8, 10_000);
      console.log(
        `${history.toLocaleString("en")} rows of history: ${throughput.toFixed(0)} reports per second over 8 connections, each waiting for the disk`,
      );
    } finally {
      await database.drop();
    }
  }
  printTable(
    [
      "history",
      "waits for disk",
      "LogEngineBackupEvent median",
      "p99",
      "plain INSERT median",
      "p99",
      "ratio of medians",
    ],
    rows,
  );
  console.log(`median with ten million rows against ten thousand: ${ratio(medians[1] ?? NaN, medians[0] ?? NaN)}`);
}

/** A history that reports made: every engine has the same number of completed backups of db, an hour apart. */
async function makeHistory(client: pg.Client, total: number): Promise<void> {
  const each = total / engineCount;
  const indexes = await dropIndexes(client, ["backup", "engine_backup_log", "audit_log"]);
  await client.query(
    `insert into engine (fqdn, added_at, since_at, noted_state) select 'engine' || e || '.example.com', now(), now(), 'no_full_backup' from generate_series(1, $1) e`,
    [engineCount],
  );
  await client.query(
    `insert into alert (fqdn, type, raised_at) select fqdn, 'ENGINE_NO_FULL_BACKUP', now() from engine on conflict do nothing`,
  );
  await client.query(
    `insert into engine_scope (fqdn, scope, last_success_at, last_success_done_at, last_finish_at)
     select fqdn, 'db', now() - interval '1 hour', now() - interval '1 hour', now() - interval '1 hour' from engine`,
  );
  const runs = `generate_series(1, ${each}) run cross join generate_series(1, ${engineCount}) e`;
  await client.query(
    `insert into backup (fqdn, scope, outcome, done_at, effective_at, received_at)
     select 'engine' || e || '.example.com', 'db', 'completed', t, t, t from (select e, now() - make_interval(hours => ${each} - run + 1) as t from ${runs}) r`,
  );
  await client.query(
    `insert into engine_backup_log (scope, done_at, is_passed, output_message, fqdn, log_path)
     select 'db', now() - make_interval(hours => ${each} - run + 1), true, 'Backup finished.', 'engine' || e || '.example.com', '/var/log/backup.log' from ${runs}`,
  );
  await client.query(
    `insert into audit_log (log_time, log_type, log_type_name, severity, message, fqdn, scope)
     select t, 9025, 'ENGINE_BACKUP_COMPLETED', 0, format('Backup of scope db of engine engine%s.example.com completed at %s: Backup finished.', e, t), 'engine' || e || '.example.com', 'db'
     from (select e, now() - make_interval(hours => ${each} - run + 1) as t from ${runs}) r`,
  );
  for (const index of indexes) await client.query(index);
  await client.query("vacuum analyze");
  await client.query("checkpoint");
}

/** Set-based loading is several times faster without indexes. Returns what makes them again. */
async function dropIndexes(client: pg.Client, tables: readonly string[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ definition: string; dropping: string }>(
    `select pg_get_indexdef(i.indexrelid) as definition, format('drop index %s', i.indexrelid::regclass) as dropping
     from pg_index i where i.indrelid = any ($1::regclass[]) and not i.indisprimary`,
    [tables],
  );
  for (const { dropping } of rows) await client.query(dropping);
  return rows.map(({ definition }) => definition);
}

/** One report, one plain INSERT, in turn, so that both meet the same machine. */
async function timeReports(
  client: pg.Client,
  durable: boolean,
  count: number,
): Promise<{ report: number[]; insert: number[] }> {
  await client.query(`set synchronous_commit = ${durable ? "on" : "off"}`);
  await client.query("create table if not exists plain (like engine_backup_log)");
  const times = { report: [] as number[], insert: [] as number[] };
  const warmUp = 100;
  for (let i = 0; i < count + warmUp; i++) {
    const fqdn = `engine${1 + Math.floor(Math.random() * engineCount)}.example.com`;
    const values = ["db", new Date(), 1, "Backup finished.", fqdn, "/var/log/backup.log"];
    const began = performance.now();
    await client.query({ name: "report", text: "select LogEngineBackupEvent($1, $2, $3, $4, $5, $6)", values });
    const between = performance.now();
    await client.query({
      name: "insert",
      text: "insert into plain values ($1, $2, $3::integer = 1, $4, $5, $6)",
      values,
    });
    const ended = performance.now();
    if (i >= warmUp) {
      times.report.push(between - began);
      times.insert.push(ended - between);
    }
  }
  return times;
}

async function reportsPerSecond(database: BenchDatabase, connections: number, durationMs: number): Promise<number> {
  let count = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: connections }, () =>
      withClient(database, async (client) => {
        while (performance.now() - began < durationMs) {
          const fqdn = `engine${1 + Math.floor(Math.random() * engineCount)}.example.com`;
          await client.query({
            name: "report",
            text: "select LogEngineBackupEvent('db', clock_timestamp(), 1, 'Backup finished.', $1, '/var/log/backup.log')",
            values: [fqdn],
          });
          count++;
        }
      }),
    ),
  );
  return (count / (performance.now() - began)) * 1_000;
}

async function benchChecks(serverUrl: string): Promise<void> {
  const rows: string[][] = [];
  for (const engines of [1_000, 1_000_000]) {
    const database = await createBenchDatabase(serverUrl);
    try {
      await withClient(database, async (client) => {
        await makeEngines(client, engines);
        const idle = await timeChecks(client, 200, "1 hour");
        rows.push([
          engines.toLocaleString("en"),
          "nothing",
          `${median(idle).toFixed(2)} ms`,
          `${percentile(idle, 99).toFixed(2)} ms`,
        ]);
        if (engines > 10_000) {
          const turning = await timeChecks(client, 1, "2 days");
          const { rows: raised } = await client.query<{ count: string }>(
            "select count(*) from alert where type = 'ENGINE_NO_WARM_BACKUP' and cleared_at is null",
          );
          rows.push([
            engines.toLocaleString("en"),
            `${Number(raised[0]?.count).toLocaleString("en")} engines newly stale`,
            `${median(turning).toFixed(0)} ms`,
            "once",
          ]);
        }
      });
    } finally {
      await database.drop();
    }
  }
  printTable(["engines", "what has changed", "check, median", "p99"], rows);
}

/** All fresh; one in a hundred turns stale two days before the others do. */
async function makeEngines(client: pg.Client, count: number): Promise<void> {
  await client.query(
    `insert into engine (fqdn, added_at, since_at, noted_state, full_backup_at, default_oldest_at)
     select 'engine' || e || '.example.com', now(), now(), 'fresh', t, t
     from (select e, now() + case when e % 100 = 0 then interval '12 hours' else interval '5 days' end as t from generate_series(1, $1) e) r`,
    [count],
  );
  await client.query(
    `insert into engine_scope (fqdn, scope, last_success_at, last_success_done_at, last_finish_at)
     select fqdn, s, full_backup_at, full_backup_at, full_backup_at from engine cross join unnest(array['db', 'files']) s where full_backup_at is not null`,
  );
  await client.query("vacuum analyze");
  await client.query("checkpoint");
}

async function timeChecks(client: pg.Client, count: number, later: string): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await client.query("select run_check(now() + $1::interval)", [later]);
    times.push(performance.now() - began);
  }
  return times;
}

async function withClient<Result>(
  database: BenchDatabase,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
