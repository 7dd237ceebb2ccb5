import { BackupAwarenessError } from "../contract/errors.ts";
import { customDumpMagic } from "./archive-reader/inner-content.ts";
import type { DatabaseAccess } from "./database-environment.ts";
import type { ExcludedTables } from "./references-to-left-out.ts";
import { describeEnd, runProgram } from "./run-program.ts";

export type DumpRequest = {
  /** The pg_dump that fits the server. */
  readonly program: string;
  readonly access: DatabaseAccess;
  readonly excluded: ExcludedTables;
  /** The name of an exported snapshot, which pg_dump then sees. */
  readonly snapshot: string;
  /** How long pg_dump waits for a table's lock. */
  readonly lockTimeoutMs: number;
  readonly silenceLimitMs: number;
  readonly signal: AbortSignal;
  readonly onErrorLine: (line: string) => void;
};

function dumpArguments(request: Pick<DumpRequest, "access" | "excluded" | "snapshot" | "lockTimeoutMs">): string[] {
  return [
    "--format=custom",
    // The archive compresses: an uncompressed dump inside one stream is faster and smaller than both.
    "--compress=0",
    "--no-password",
    `--snapshot=${request.snapshot}`,
    `--lock-wait-timeout=${request.lockTimeoutMs}`,
    ...request.excluded.tables.map((pattern) => `--exclude-table=${pattern}`),
    ...request.excluded.tableData.map((pattern) => `--exclude-table-data=${pattern}`),
    `--dbname=${request.access.url}`,
  ];
}

/**
 * Dumps a database in pg_dump's custom format, uncompressed. Both count: pg_dump's exit code, and that what it wrote is a dump.
 * Throws BACKUP_FAILED otherwise, with what pg_dump said last.
 */
export async function dumpDatabase(request: DumpRequest, onData: (data: Buffer) => Promise<void>): Promise<void> {
  let beginning = Buffer.alloc(0);
  const { program, access, signal, silenceLimitMs, onErrorLine } = request;
  const call = { program, arguments: dumpArguments(request), env: access.env, signal, silenceLimitMs, onErrorLine };
  const end = await runProgram({ ...call, lendsData: true }, async (data) => {
    if (beginning.length < customDumpMagic.length)
      beginning = Buffer.concat([beginning, data.subarray(0, customDumpMagic.length)]);
    await onData(data);
  });
  if (end.exitCode !== 0) {
    throw new BackupAwarenessError("BACKUP_FAILED", describeEnd("pg_dump", end), hintFor(end.tail.join("\n")));
  }
  if (!beginning.subarray(0, customDumpMagic.length).equals(customDumpMagic)) {
    throw new BackupAwarenessError("BACKUP_FAILED", `pg_dump ended with exit code 0, but what it wrote is no dump`, {
      hint: `look at the program "${program}"`,
    });
  }
}

function hintFor(said: string): { readonly hint?: string } {
  if (/LOCK TABLE|lock timeout/i.test(said)) {
    return {
      hint: "another session holds a lock on a table (ALTER TABLE, VACUUM FULL); run engine-backup when it has ended",
    };
  }
  if (/permission denied/i.test(said))
    return { hint: "dump as the owner of the database, or grant the role pg_read_all_data" };
  return {};
}

/** Roles and tablespaces of the whole server, as SQL, without password hashes. Throws BACKUP_FAILED where the role may not read them. */
export async function dumpGlobals(request: Omit<DumpRequest, "excluded" | "snapshot">): Promise<string> {
  const pieces: Buffer[] = [];
  const { program, access, lockTimeoutMs, signal, silenceLimitMs, onErrorLine } = request;
  const words = [
    "--globals-only",
    "--no-role-passwords",
    "--no-password",
    `--lock-wait-timeout=${lockTimeoutMs}`,
    `--dbname=${access.url}`,
  ];
  const end = await runProgram(
    { program, arguments: words, env: access.env, signal, silenceLimitMs, onErrorLine },
    (data) => {
      pieces.push(data);
      return Promise.resolve();
    },
  );
  if (end.exitCode !== 0) throw new BackupAwarenessError("BACKUP_FAILED", describeEnd("pg_dumpall", end));
  return Buffer.concat(pieces).toString("utf8");
}
