import { rm, writeFile } from "node:fs/promises";
import type { ClientProgram } from "../backup-run.ts";
import { programOutput } from "./program-output.ts";
import { ownersNamedBy, rolesNamedBy, splitStatements } from "./sql-statements.ts";

const silenceLimitMs = 10 * 60_000;

/** What a dump in pg_dump's custom format says of itself. */
export type DumpContents = {
  /** The dumped database's name. */
  readonly database: string;
  /** Of the server that was dumped, as `15.18`. */
  readonly serverVersion: string;
  readonly tablesWithData: number;
  /** The roles that own something, or have rights. */
  readonly roles: ReadonlySet<string>;
  /** Of these, the roles that own something. */
  readonly owners: ReadonlySet<string>;
  /** What makes the database itself: CREATE DATABASE and, with its name, its settings, rights and comment. */
  readonly databaseStatements: readonly string[];
  /** Path of a list of what is to be restored, as pg_restore -L takes it: all but what every database has already. */
  readonly listPath: string;
};

export type DumpReadingOptions = {
  readonly pgRestore: ClientProgram;
  /** A file. */
  readonly dump: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
};

/** Reads a dump's table of contents and its schema; nothing is executed. Throws RESTORE_FAILED where pg_restore cannot read it. */
export async function readDumpContents(options: DumpReadingOptions): Promise<DumpContents> {
  const { pgRestore, dump, env, signal } = options;
  const ask = (...words: string[]) =>
    programOutput("pg_restore", {
      program: pgRestore.path,
      arguments: [...words, dump],
      env,
      signal,
      silenceLimitMs,
    });
  const entries = (await ask("--create", "--list")).split("\n");
  const header = (name: string) =>
    entries.find((line) => line.startsWith(`;     ${name}: `))?.slice(`;     ${name}: `.length) ?? "";

  const listPath = `${dump}.list`;
  await writeFile(listPath, entries.filter((line) => !isEverywhere(line)).join("\n"), { mode: 0o600 });
  const ofDatabase = `${dump}.database-list`;
  try {
    await writeFile(ofDatabase, entries.filter(isOfDatabase).join("\n"), { mode: 0o600 });
    const databaseStatements = splitStatements(await ask("--create", `--use-list=${ofDatabase}`, "--file=-"));
    const schemaStatements = splitStatements(await ask("--schema-only", "--file=-"));
    return {
      database: header("dbname"),
      serverVersion: header("Dumped from database version").split(" ")[0] ?? "",
      tablesWithData: entries.filter((line) => /^\d+; \d+ \d+ TABLE DATA /.test(line)).length,
      roles: rolesNamedBy(schemaStatements),
      owners: ownersNamedBy(schemaStatements),
      databaseStatements,
      listPath,
    };
  } finally {
    await rm(ofDatabase, { force: true });
  }
}

/** plpgsql is in every database, and its comment may be set by a superuser only. */
function isEverywhere(line: string): boolean {
  return /^\d+; \d+ \d+ (EXTENSION - plpgsql|COMMENT - EXTENSION plpgsql|PROCEDURAL LANGUAGE - plpgsql)( |$)/.test(
    line,
  );
}

function isOfDatabase(line: string): boolean {
  return /^\d+; \d+ \d+ (DATABASE|DATABASE PROPERTIES|(ACL|COMMENT|SECURITY LABEL) - DATABASE)( |$)/.test(line);
}
