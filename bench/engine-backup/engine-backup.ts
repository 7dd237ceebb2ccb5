import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { createBenchDatabase } from "../bench-database.ts";
import { printTable, ratio } from "../figures.ts";
import { bytesBelow, measureRun, type MeasuredRun } from "./measured-run.ts";
import { fillDatabase, fillFiles } from "./realistic-engine.ts";
import { waysOf, type Engine, type Way } from "./ways.ts";

/** Each way in turn, so that what disturbs one disturbs the others; the best counts. */
const rounds = 3;

type Result = { readonly way: Way; readonly best: MeasuredRun; readonly sizeBytes: number };

/**
 * What a backup of a realistic engine costs: ours, which checksums and reads back, beside reading alone, what an expert types, and oVirt's way,
 * which is run once, for it takes minutes. It needs pg_dump, tar, zstd and xz, and Linux.
 */
export async function benchEngineBackup({ serverUrl }: { readonly serverUrl: string }): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "engine-backup-bench-"));
  const own = await createBenchDatabase(serverUrl);
  const databaseUrl = new URL(serverUrl);
  databaseUrl.pathname = "/bench_engine";
  try {
    await onServer(serverUrl, "create database bench_engine");
    const [files, home] = [join(directory, "files"), join(directory, "home")];
    for (const each of [files, home]) await mkdir(each);
    await Promise.all([fillDatabase(databaseUrl.href), fillFiles(files)]);
    const engine = { databaseUrl: databaseUrl.href, files, home, ownDatabaseUrl: own.url };
    await describeEngine(engine);
    const { ours, floor, expert, ovirt } = waysOf(engine);
    const results = await measureInTurn([floor, expert, ours], join(directory, "out"));
    const [slow] = await measureInTurn([ovirt], join(directory, "out"), 1);
    tellResults([...results, ...(slow === undefined ? [] : [slow])]);
  } finally {
    await onServer(serverUrl, "drop database if exists bench_engine with (force)");
    await own.drop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function describeEngine({ databaseUrl, files, home }: Engine): Promise<void> {
  const quoted = JSON.stringify;
  await writeFile(
    join(home, "config.toml"),
    `[scopes.db]\nurl = ${quoted(databaseUrl)}\n[scopes.files]\npaths = [${quoted(files)}]\n`,
    { mode: 0o600 },
  );
}

async function measureInTurn(ways: readonly Way[], directory: string, times = rounds): Promise<Result[]> {
  const results = new Map<Way, Result>();
  for (let round = 0; round < times; round++) {
    for (const way of ways) {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory);
      const run = await measureRun(way.command, directory, { ...process.env, ...way.env });
      const former = results.get(way);
      if (former === undefined || run.seconds < former.best.seconds)
        results.set(way, { way, best: run, sizeBytes: await bytesBelow(directory) });
    }
  }
  return [...results.values()];
}

function tellResults(results: readonly Result[]): void {
  const expertSeconds = results.find(({ way }) => way.name.startsWith("an expert"))?.best.seconds ?? NaN;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  printTable(
    [
      "way",
      "seconds",
      "to the expert's",
      "processor, s",
      "largest process",
      "most on disk",
      "of it temporary",
      "result",
    ],
    results.map(({ way, best, sizeBytes }) => [
      way.name,
      best.seconds.toFixed(1),
      ratio(best.seconds, expertSeconds),
      best.cpuSeconds.toFixed(1),
      megabytes(best.largestProcessBytes),
      megabytes(best.mostDiskBytes),
      megabytes(Math.max(0, best.mostDiskBytes - sizeBytes)),
      sizeBytes === 0 ? "none" : megabytes(sizeBytes),
    ]),
  );
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}
