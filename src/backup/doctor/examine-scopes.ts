import { access, constants, lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Pool } from "pg";
import type { Database } from "../../database/database.ts";
import type { ScopeSettings, Settings } from "../../settings/settings.ts";
import { findFittingProgram } from "../find-fitting-program.ts";
import { humanSize } from "../../contract/human-size.ts";
import { type Finding, fine, problem, problemOf, warning } from "./finding.ts";

export type ExamineScopesOptions = {
  readonly settings: Settings;
  /** Where PostgreSQL's programs are looked for. */
  readonly path: string | undefined;
  /** Opens the application's database, or with null our own, with the rights that dumping it takes. */
  readonly openForDump: (url: string | null, scope: string) => Promise<Database>;
};

export type ScopesExamined = {
  readonly findings: readonly Finding[];
  /** What the databases hold, uncompressed; null: not all of them answered. */
  readonly databaseBytes: number | null;
};

/** Whether everything that a backup reads can be read. */
export async function examineScopes(options: ExamineScopesOptions): Promise<ScopesExamined> {
  const { settings } = options;
  const findings: Finding[] = [];
  let databaseBytes: number | null = 0;
  if (settings.protectsOnlyItself) {
    findings.push(
      warning(
        "scopes",
        "only Backup Awareness itself is protected",
        `name the application's database and files in "${settings.configFile ?? join(settings.home, "config.toml")}": url in [scopes.db], paths in [scopes.files]`,
      ),
    );
  }
  for (const [scope, described] of settings.scopes) {
    const examined = await examineScope(scope, described, options);
    findings.push(...examined.findings);
    databaseBytes =
      databaseBytes === null || examined.databaseBytes === null ? null : databaseBytes + examined.databaseBytes;
  }
  return { findings, databaseBytes };
}

async function examineScope(
  scope: string,
  described: ScopeSettings,
  options: ExamineScopesOptions,
): Promise<ScopesExamined> {
  switch (described.kind) {
    case "files":
      return { findings: await examinePaths(scope, described.paths), databaseBytes: 0 };
    case "database":
      return examineDatabase(scope, described.url, options);
  }
}

async function examinePaths(scope: string, paths: readonly string[]): Promise<readonly Finding[]> {
  return Promise.all(
    paths.map(async (path) => {
      try {
        const found = await lstat(path);
        await access(path, found.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK);
        return fine("scopes", `${scope}: ${path} can be read`);
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : null;
        return code === "ENOENT"
          ? problem(
              "scopes",
              `${scope}: ${path} does not exist`,
              "create it, or take it out of paths in [scopes.files]",
            )
          : problem(
              "scopes",
              `${scope}: ${path} cannot be read (${String(code)})`,
              "run engine-backup as a user who may read it",
            );
      }
    }),
  );
}

async function examineDatabase(
  scope: string,
  url: string | null,
  options: ExamineScopesOptions,
): Promise<ScopesExamined> {
  let database: Database;
  try {
    database = await options.openForDump(url, scope);
  } catch (error) {
    return { findings: [problemOf("scopes", scope, error)], databaseBytes: null };
  }
  try {
    const { major, sizeBytes, unreadable } = await readDumpability(database.pool);
    const programs = await Promise.all(
      (["pg_dump", "pg_dumpall"] as const).map(async (name) => {
        try {
          const found = await findFittingProgram(name, major, options.path);
          return fine("scopes", `${scope}: ${name} ${found.version} reads this PostgreSQL ${major} (${found.path})`);
        } catch (error) {
          return problemOf("scopes", scope, error);
        }
      }),
    );
    const findings = [
      fine("scopes", `${scope}: the database answers, ${humanSize(sizeBytes)}`),
      ...programs,
      ...(unreadable.count === 0
        ? []
        : [
            problem(
              "scopes",
              `${scope}: this role may not read ${unreadable.count} tables, ${unreadable.example} for one: pg_dump would fail`,
              `grant pg_read_all_data to ${unreadable.role} (PostgreSQL 14 and newer), or name a role that owns them in the scope's url`,
            ),
          ]),
    ];
    return { findings, databaseBytes: sizeBytes };
  } catch (error) {
    return { findings: [problemOf("scopes", scope, error)], databaseBytes: null };
  } finally {
    await database.close();
  }
}

type Dumpability = {
  readonly major: number;
  readonly sizeBytes: number;
  readonly unreadable: { readonly count: number; readonly example: string; readonly role: string };
};

async function readDumpability(pool: Pool): Promise<Dumpability> {
  const { rows } = await pool.query<{
    major: number;
    size: string;
    count: number;
    example: string | null;
    role: string;
  }>(
    `select current_setting('server_version_num')::int / 10000 as major, pg_database_size(current_database()) as size,
            count(c.oid)::int as count, min(c.oid::regclass::text) as example, current_user as role
     from (select) one
     left join pg_catalog.pg_class c
       on c.relkind in ('r', 'p', 'm', 'S') and c.relpersistence <> 't' and not has_table_privilege(c.oid, 'select')
      and c.relnamespace not in (select oid from pg_catalog.pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema')`,
  );
  const row = rows[0];
  if (row === undefined) throw new Error("the database tells nothing");
  return {
    major: row.major,
    sizeBytes: Number(row.size),
    unreadable: { count: row.count, example: row.example ?? "", role: row.role },
  };
}
