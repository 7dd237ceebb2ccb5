import { BackupAwarenessError } from "../../contract/errors.ts";
import type { ClientProgram } from "../backup-run.ts";
import type { DatabaseAccess } from "../database-environment.ts";
import { describeEnd, runProgram } from "../run-program.ts";
import type { RunLog } from "../run-log.ts";

/** Neither program writes to standard output, so that nothing can be told from its silence; a table of a terabyte takes hours. */
const longestLoadMs = 7 * 24 * 60 * 60_000;

export type LoadRequest = {
  /** pg_restore for a custom dump, psql for a plain one. */
  readonly program: ClientProgram;
  readonly format: "custom" | "plain";
  /** A file. */
  readonly dump: string;
  /** Of a custom dump: what of it is restored. */
  readonly listPath: string | null;
  readonly access: DatabaseAccess;
  /** How many tables are loaded side by side; a plain dump knows no more than one. */
  readonly jobs: number;
  /** `transaction`: all or nothing, into a database that has content of its own (`replacing`) or none. */
  readonly manner: { readonly kind: "jobs" } | { readonly kind: "transaction"; readonly replacing: boolean };
  readonly permissions: boolean;
  readonly signal: AbortSignal;
  readonly log: RunLog;
};

/** Loads a dump into a database. Throws RESTORE_FAILED with the first error that counts, after the program has ended. */
export async function loadDump(request: LoadRequest): Promise<void> {
  const name = request.format === "custom" ? "pg_restore" : "psql";
  const failed = new AbortController();
  const failures: string[] = [];
  const onErrorLine = (line: string) => {
    request.log.info(`${name}: ${line}`);
    if (!isFailure(line) || failures.push(line) > 1) return;
    // What follows a first error is time spent for nothing.
    failed.abort(new BackupAwarenessError("RESTORE_FAILED", `${name}: ${line}`, hintFor(line)));
  };
  const call = {
    program: request.program.path,
    arguments: request.format === "custom" ? pgRestoreArguments(request) : psqlArguments(request),
    env: { ...request.access.env, PGOPTIONS: sessionOptions(request.access.env["PGOPTIONS"]) },
    signal: AbortSignal.any([request.signal, failed.signal]),
    silenceLimitMs: longestLoadMs,
    onErrorLine,
  };
  const end = await runProgram(call, () => Promise.resolve());
  // pg_restore ends with 1 where it has passed over errors, which none of those it may pass over is.
  const isDone =
    end.exitCode === 0 || (request.format === "custom" && request.manner.kind === "jobs" && end.exitCode === 1);
  if (isDone && failures.length === 0) return;
  throw new BackupAwarenessError("RESTORE_FAILED", describeEnd(name, end), hintFor(end.tail.join("\n")));
}

/**
 * A commit need not wait for the disk: the renaming that puts the database in its place waits for everything before it. The memory makes indexes in one pass.
 */
function sessionOptions(given: string | undefined): string {
  return [given ?? "", "-c synchronous_commit=off", "-c maintenance_work_mem=256MB", "-c statement_timeout=0"]
    .join(" ")
    .trim();
}

function pgRestoreArguments({ dump, listPath, access, jobs, manner, permissions }: LoadRequest): string[] {
  return [
    "--no-password",
    `--dbname=${access.url}`,
    ...(manner.kind === "jobs" ? [`--jobs=${jobs}`] : ["--single-transaction"]),
    ...(manner.kind === "transaction" && manner.replacing ? ["--clean", "--if-exists"] : []),
    ...(permissions ? [] : ["--no-owner", "--no-privileges"]),
    ...(listPath === null ? [] : [`--use-list=${listPath}`]),
    dump,
  ];
}

function psqlArguments({ dump, access }: LoadRequest): string[] {
  return [
    "--no-psqlrc",
    "--no-password",
    "--quiet",
    "--output=/dev/null",
    "--set=ON_ERROR_STOP=1",
    "--single-transaction",
    `--dbname=${access.url}`,
    `--file=${dump}`,
  ];
}

/** A newer pg_restore sets what an older server does not know; that harms nothing. */
function isFailure(line: string): boolean {
  if (!/(?:error|FATAL|ERROR): /.test(line)) return false;
  return !/unrecognized configuration parameter "(transaction_timeout|default_table_access_method|idle_in_transaction_session_timeout)"/.test(
    line,
  );
}

function hintFor(said: string): { readonly hint?: string } {
  if (/No space left on device/i.test(said)) return { hint: "make room in the server's data directory" };
  if (/role ".*" does not exist/i.test(said))
    return { hint: "create the role, or add --no-restore-permissions to restore without owners and rights" };
  if (/permission denied to create extension|must be owner of/i.test(said)) return { hint: "restore as a superuser" };
  if (/extension ".*" is not available|could not open extension control file/i.test(said))
    return { hint: "install the extension's package on the database server" };
  return {};
}
