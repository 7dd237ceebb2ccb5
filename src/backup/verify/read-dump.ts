import { compareVersions } from "../../database/embedded/choose-postgres.ts";
import { findClientPrograms } from "../../database/client-programs.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { openDump, type DumpFormat } from "../archive-reader/inner-content.ts";
import { cutOff, damaged, foreign } from "../archive-reader/archive-error.ts";
import type { Compression } from "../archive-reader/compression.ts";
import type { DecompressionMeans } from "../archive-reader/decompress.ts";
import { FedProgram } from "../fed-program.ts";
import { describeEnd, type ProgramEnd } from "../run-program.ts";

export type PgRestore = { readonly path: string; readonly version: string };

/** What a dump turned out to be, read to its end. */
export type ReadDump = {
  readonly format: DumpFormat;
  readonly compression: Compression;
  /** Tables with data in a custom dump's list of content, as `schema name`; a plain one has no list. */
  readonly tablesWithData: TableNames | null;
};

/** A list's lines do not quote names: `public a table owner` may mean several. */
export type TableNames = { readonly count: number; has(schema: string, name: string): boolean };

/** The beginning of a plain dump, and how much of its end is kept to look for the mark. */
const plainBeginning = "-- PostgreSQL database dump";
const plainEnd = "-- PostgreSQL database dump complete";
const markBytes = 8 * 1024;

/** The newest on this machine, which reads the dumps of all before it. Throws POSTGRES_MISSING. */
export async function findNewestPgRestore(path: string | undefined): Promise<PgRestore> {
  const found = await findClientPrograms("pg_restore", path);
  const [newest] = found.toSorted((one, other) => compareVersions(other.version, one.version));
  if (newest !== undefined) return newest;
  throw new BackupAwarenessError("POSTGRES_MISSING", "no pg_restore was found, which reading a dump takes", {
    hint: "install PostgreSQL's client programs (Debian, Ubuntu: apt-get install postgresql-client)",
  });
}

/**
 * Reads a dump to its end: a custom one by pg_restore, its list and then all of it into nowhere, as SQL that nobody executes; a plain one to the mark that pg_dump writes last. Throws
 * ARCHIVE_DAMAGED, ARCHIVE_TRUNCATED and ARCHIVE_FOREIGN.
 */
export async function readDump(
  name: string,
  content: AsyncIterable<Buffer>,
  findPgRestore: () => Promise<PgRestore>,
  means: DecompressionMeans,
): Promise<ReadDump> {
  const { format, compression, chunks } = await openDump(content, means);
  if (format === "plain") {
    await readPlain(name, chunks);
    return { format, compression, tablesWithData: null };
  }
  return { format, compression, tablesWithData: await readCustom(name, chunks, await findPgRestore(), means) };
}

async function readPlain(name: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  let beginning = Buffer.alloc(0);
  let end = Buffer.alloc(0);
  for await (const piece of chunks) {
    if (beginning.length < markBytes) beginning = Buffer.concat([beginning, piece.subarray(0, markBytes)]);
    end = Buffer.concat([end.subarray(-markBytes), piece.subarray(-markBytes)]);
  }
  if (!beginning.includes(plainBeginning)) throw foreign(`${name} is no dump of pg_dump`);
  if (!end.includes(plainEnd)) throw cutOff(`${name} lacks the line with which pg_dump ends a dump`);
}

async function readCustom(
  name: string,
  chunks: AsyncIterable<Buffer>,
  pgRestore: PgRestore,
  { env, signal }: DecompressionMeans,
): Promise<TableNames> {
  const call = { program: pgRestore.path, env, signal };
  const lister = new FedProgram({ ...call, arguments: ["--list"], keepsOutput: true });
  const restorer = new FedProgram({ ...call, arguments: ["--file=/dev/null"], keepsOutput: false });
  const list = collectTables(lister.output());
  list.catch(() => undefined);
  try {
    let listing = true;
    let restoring = true;
    for await (const piece of chunks) {
      const lists: Promise<boolean> = listing ? lister.write(piece) : Promise.resolve(false);
      const restores: Promise<boolean> = restoring ? restorer.write(piece) : Promise.resolve(false);
      [listing, restoring] = await Promise.all([lists, restores]);
    }
    lister.endInput();
    restorer.endInput();
    const tables = await list;
    demandSuccess(name, "pg_restore --list", await lister.end());
    demandSuccess(name, "pg_restore", await restorer.end());
    return tables;
  } finally {
    lister.stop();
    restorer.stop();
  }
}

function demandSuccess(name: string, program: string, end: ProgramEnd): void {
  if (end.exitCode === 0) return;
  const said = describeEnd(program, end);
  if (/unsupported version/i.test(said)) {
    throw new BackupAwarenessError("POSTGRES_MISSING", `${name} is newer than this machine's pg_restore: ${said}`, {
      hint: "install PostgreSQL's client programs of the version that made the dump, or newer",
    });
  }
  if (/end of file|could not read from input/i.test(said)) throw cutOff(`${name} cannot be restored: ${said}`);
  throw damaged(`${name} cannot be restored: ${said}`);
}

/** Of the lines `3456; 0 16385 TABLE DATA public customer owner` the tables. */
async function collectTables(output: AsyncIterable<Buffer>): Promise<TableNames> {
  const names = new Set<string>();
  let count = 0;
  let rest = "";
  const take = (line: string): void => {
    const [, described] = /^\d+; \d+ \d+ TABLE DATA (.+)$/.exec(line) ?? [];
    if (described === undefined) return;
    count++;
    // Where the name ends and the owner begins nobody can tell: every way to read it counts.
    for (let blank = described.indexOf(" "); blank !== -1; blank = described.indexOf(" ", blank + 1))
      names.add(described.slice(0, blank));
  };
  for await (const data of output) {
    const lines = (rest + data.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
  take(rest);
  return { count, has: (schema, name) => names.has(asListed(`${schema} ${name}`)) };
}

/** pg_restore writes newlines as blanks; the bytes are UTF-8 that we read as Latin-1. */
function asListed(text: string): string {
  return Buffer.from(text.replace(/[\r\n]/g, " "), "utf8").toString("latin1");
}
