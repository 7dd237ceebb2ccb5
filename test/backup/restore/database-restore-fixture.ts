import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import pg from "pg";
import { readDatabaseFacts } from "../../../src/backup/database-facts.ts";
import { openSnapshot } from "../../../src/backup/dump-snapshot.ts";
import { findFittingProgram } from "../../../src/backup/find-fitting-program.ts";
import type { ManifestScope } from "../../../src/backup/manifest.ts";
import {
  planDatabase,
  type DatabasePlan,
  type DatabasePlanRequest,
} from "../../../src/backup/restore/plan-database.ts";
import { prepareDatabase, type PreparedDatabase } from "../../../src/backup/restore/restore-database.ts";
import { targetServer, type TargetServer } from "../../../src/backup/restore/target-server.ts";
import { databaseUrlWithoutPassword, parseDatabaseUrl } from "../../../src/settings/database-url.ts";
import { createDatabase } from "../../support/servers.ts";
import { applicationDatabase, execute, server } from "../backup-fixture.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const run = promisify(execFile);

export type TestDump = {
  readonly path: string;
  readonly format: "custom" | "plain";
  readonly sizeBytes: number;
  readonly archived: NonNullable<ManifestScope["database"]>;
};

function targetAt(url: string): TargetServer {
  return targetServer({
    url: databaseUrlWithoutPassword(url),
    password: parseDatabaseUrl(url).password,
    embedded: false,
    env: { PATH: process.env["PATH"] },
    urlKey: "scopes.db.url",
  });
}

/** A dump of a database made by these statements, as engine-backup or (plain) oVirt's makes it, and what is known of the database. */
export async function dumpOf(
  test: TestContext,
  sql: string,
  format: TestDump["format"] = "custom",
  url?: string,
): Promise<TestDump> {
  const source = url ?? (await applicationDatabase(test, sql));
  const path = join(await temporaryDirectory(test), "dump");
  const { path: program } = await findFittingProgram("pg_dump", server.major, process.env["PATH"]);
  await run(program, [`--format=${format}`, "--compress=0", `--file=${path}`, `--dbname=${source}`]);
  const pool = new pg.Pool({ connectionString: source, max: 2 });
  const snapshot = await openSnapshot(pool);
  try {
    const excluded = { tables: [], tableData: [] };
    const { facts } = await readDatabaseFacts(snapshot.client, {
      excluded,
      lockTimeoutMs: 5_000,
      queryTimeoutMs: 30_000,
    });
    const archived = { name: "app", serverVersion: "15.0", excludedTables: [], excludedTableData: [], ...facts };
    return { path, format, sizeBytes: (await stat(path)).size, archived };
  } finally {
    await snapshot.close();
    await pool.end();
  }
}

export type TestRestore = {
  plan(more?: Partial<DatabasePlanRequest>, wishes?: Partial<DatabasePlanRequest["wishes"]>): Promise<DatabasePlan>;
  /** Fails where a check refuses. */
  prepare(
    more?: Partial<DatabasePlanRequest>,
    wishes?: Partial<DatabasePlanRequest["wishes"]>,
  ): Promise<PreparedDatabase>;
  readonly logLines: readonly string[];
};

/** Restores of this dump into the database of this URL. */
export function restoreOf(
  test: Pick<TestContext, "after">,
  dump: TestDump,
  url: string,
  signal = new AbortController().signal,
): TestRestore {
  const logLines: string[] = [];
  const write = (line: string) => {
    logLines.push(line);
  };
  const log = { info: write, warn: write, error: write };
  const target = targetAt(url);
  const plan: TestRestore["plan"] = (more = {}, wishes = {}) =>
    planDatabase(
      {
        scope: "db",
        server: target,
        admin: target,
        role: { name: target.user, password: null },
        dump,
        archived: dump.archived,
        globals: null,
        wishes: { force: false, disconnect: false, permissions: true, provision: false, ...wishes },
        dropsFormer: false,
        jobs: 2,
        stamp: "20261125T000000Z",
        standsBack: () => false,
        finish: null,
        ...more,
      },
      {
        signal,
        log,
        env: { PATH: process.env["PATH"] },
        findClientProgram: (name, major) => findFittingProgram(name, major, process.env["PATH"]),
      },
    );
  return {
    logLines,
    plan,
    prepare: async (more, wishes) => {
      const { checks, restore } = await plan(more, wishes);
      if (restore === null)
        throw new Error(`refused: ${JSON.stringify(checks.filter(({ outcome }) => outcome === "refused"))}`);
      const prepared = await prepareDatabase(restore, { signal, log });
      test.after(() => prepared.discard());
      return prepared;
    },
  };
}

/** The databases of the server whose names begin so. */
export async function databasesLike(url: string): Promise<string[]> {
  const name = parseDatabaseUrl(url).database ?? "";
  const { rows } = await execute(
    server.superuserUrl,
    `select datname from pg_database where datname like '${name}%' order by length(datname), 1`,
  );
  return (rows as { datname: string }[]).map(({ datname }) => datname.replace(name, "app"));
}

/** A database that is restored into, after these statements, with a name short enough for what is added to it. It and what is beside it are removed at the test's end. */
export async function restoreTarget(test: Pick<TestContext, "after">, sql: string): Promise<string> {
  const name = `app_${randomBytes(4).toString("hex")}`;
  await createDatabase(server, { name });
  test.after(async () => {
    const { rows } = await execute(
      server.superuserUrl,
      `select datname from pg_database where datname like '${name}%'`,
    );
    for (const { datname } of rows as { datname: string }[])
      await execute(server.superuserUrl, `drop database if exists "${datname}" with (force)`);
  });
  const url = new URL(server.superuserUrl);
  url.pathname = `/${name}`;
  await execute(url.href, sql);
  return url.href;
}
