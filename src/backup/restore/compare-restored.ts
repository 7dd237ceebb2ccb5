import type pg from "pg";
import { compareFacts } from "../compare-facts.ts";
import { type DatabaseFacts, readDatabaseFacts } from "../database-facts.ts";
import type { ManifestScope } from "../manifest.ts";
import { withConnection, type TargetServer } from "./target-server.ts";

const lockTimeoutMs = 60_000;
/** A count of the largest table, and statistics of all, may take so long. */
const queryTimeoutMs = 24 * 60 * 60_000;

/** How a restored database compares with what its archive says of the dumped one. */
export type Comparison = {
  readonly tables: number;
  readonly rows: number;
  /** False: the archive tells nothing to compare with. */
  readonly isCompared: boolean;
  readonly differences: readonly string[];
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
};

/**
 * Counts every row of a restored database and compares it with the manifest; meanwhile the planner gets its statistics, without which a
 * restored database is slow for hours.
 */
export async function compareRestored(
  server: TargetServer,
  database: string,
  options: { readonly archived: ManifestScope["database"] | null; readonly permissions: boolean },
  means: { readonly signal: AbortSignal },
): Promise<Comparison> {
  const [{ facts, warnings }] = await unlessAborted(
    means.signal,
    Promise.all([
      withConnection(server, database, readFacts),
      withConnection(server, database, (client) =>
        client.query({ text: "analyze", ...{ query_timeout: queryTimeoutMs } }),
      ),
    ]),
  );
  const archived = factsOf(options.archived);
  const tables = Object.keys(facts.rowCounts).length;
  const rows = Object.values(facts.rowCounts).reduce<number>((sum, count) => sum + (count ?? 0), 0);
  if (archived === null) {
    const notes = [...warnings, "the archive tells no row counts and no schema to compare with"];
    return { tables, rows, isCompared: false, differences: [], notes };
  }
  const compared = compareFacts(archived, facts, { withPrivileges: options.permissions });
  const uncounted =
    compared.uncountedTables === 0
      ? []
      : [`the rows of ${compared.uncountedTables} tables are left out of the archive, or were not counted`];
  return { tables, rows, isCompared: true, differences: compared.differences, notes: [...warnings, ...uncounted] };
}

function factsOf(archived: ManifestScope["database"] | null): DatabaseFacts | null {
  if (archived == null) return null;
  const { rowCounts, largeObjects, schema } = archived;
  // Archives of earlier programs lack them.
  if (rowCounts == null || largeObjects == null || schema == null) return null;
  return { rowCounts, largeObjects, schema };
}

async function readFacts(client: pg.Client) {
  await client.query("begin isolation level repeatable read read only");
  const request = { excluded: { tables: [], tableData: [] }, lockTimeoutMs, queryTimeoutMs };
  const reading = await readDatabaseFacts(client, request);
  await client.query("commit");
  return reading;
}

/** Rejects with the signal's reason when it aborts; the sessions end when the database is dropped. */
async function unlessAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  work.catch(() => undefined);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => {
    aborted.reject(signal.reason as Error);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
