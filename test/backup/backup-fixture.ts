import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import pg from "pg";
import {
  defaultBackupLimits,
  type BackupMeans,
  type BackupRequest,
  type BackupResult,
} from "../../src/backup/backup-run.ts";
import { findFittingProgram } from "../../src/backup/find-fitting-program.ts";
import { runBackup } from "../../src/backup/run-backup.ts";
import type { Report } from "../../src/contract/report.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { ScopeSettings, Settings } from "../../src/settings/settings.ts";
import { createDatabase, testServers, type TestServer } from "../support/servers.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** The machine's own PostgreSQL, whose pg_dump is there. */
export const server: TestServer = testServers[0]!;

/** A database of a test's own, after these statements; dropped at the test's end. */
export async function applicationDatabase(test: Pick<TestContext, "after">, sql: string): Promise<string> {
  const database = await createDatabase(server);
  test.after(() => database.drop());
  await execute(database.url, sql);
  return database.url;
}

export async function execute(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

export type Bench = {
  readonly directory: string;
  readonly archiveDirectory: string;
  readonly files: string;
  readonly settings: Settings;
  readonly reports: Report[];
  readonly logLines: string[];
  /** What a run gets where a test says nothing else. */
  readonly means: BackupMeans;
  run(request?: Partial<BackupRequest>, means?: Partial<BackupMeans>): Promise<BackupResult>;
};

/** A directory with a home, an archive directory and some files, and settings for them and for these databases. */
export async function backupBench(
  test: Pick<TestContext, "after">,
  databases: Readonly<Record<string, string>>,
): Promise<Bench> {
  const directory = await temporaryDirectory(test);
  const [home, archiveDirectory, files] = [
    join(directory, "home"),
    join(directory, "archives"),
    join(directory, "files"),
  ];
  for (const each of [home, files]) await mkdir(each);
  const scopes = new Map<string, ScopeSettings>(
    Object.entries(databases).map(([scope, url]) => [scope, { kind: "database", url }]),
  );
  scopes.set("files", { kind: "files", paths: [files], exclude: [] });
  const settings: Settings = {
    home,
    configFile: null,
    fqdn: "engine.example.com",
    listen: { host: "127.0.0.1", port: 0 },
    databaseUrl: null,
    scopes,
    archiveDirectory,
    importers: [],
    protectsOnlyItself: false,
    metrics: { listen: null, maxEngines: 1000 },
    notification: { allowPrivateAddresses: [], allowCommand: false, publicUrl: null },
  };
  const reports: Report[] = [];
  const logLines: string[] = [];
  const write = (line: string) => {
    logLines.push(line);
  };
  const environment = { env: {}, userId: process.getuid?.() ?? null, homeDirectory: home };
  const common: BackupMeans = {
    clock: () => new Date(),
    signal: new AbortController().signal,
    pid: process.pid,
    hostName: "this-host",
    osVersion: "Test OS 1",
    programVersion: "0.1.0",
    env: { PATH: process.env["PATH"] },
    log: { info: write, warn: write, error: write },
    onProgress: () => undefined,
    openDatabase: (url) =>
      openDatabase({
        settings: { home, databaseUrl: url },
        environment,
        role: "owner",
        applicationName: "engine-backup",
        maxConnections: 2,
      }),
    findClientProgram: (name, major) => findFittingProgram(name, major, process.env["PATH"]),
    readExcluded: async () => ({ tables: [], tableData: [] }),
    report: async (report) => {
      reports.push(report);
    },
    writeToStandardOutput: () => Promise.reject(new Error("nothing was asked for on standard output")),
    limits: defaultBackupLimits,
  };
  return {
    directory,
    archiveDirectory,
    files,
    settings,
    reports,
    logLines,
    means: common,
    run: (request = {}, means = {}) =>
      runBackup(
        { settings, scopes: [], file: null, excluded: { tables: [], tableData: [] }, logPath: null, ...request },
        { ...common, ...means },
      ),
  };
}

/** `db started, db completed, …` */
export function toldReports(reports: readonly Report[]): string {
  return reports.map(({ scope, status }) => `${scope} ${status}`).join(", ");
}
