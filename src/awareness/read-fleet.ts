import { type CheckRecord, readCheckRecord } from "../database/check.ts";
import { countEngines, type EngineCounts } from "../database/engine-counts.ts";
import { readScopeRows, type ScopeRow } from "../database/engine-scopes.ts";
import { listEngines } from "../database/engine-list.ts";
import { type EngineRow, readEngines } from "../database/engines.ts";
import { readOldestEngines, readStalledEngines } from "../database/noted-engines.ts";
import type { Queries } from "../database/snapshot.ts";
import { demandEngines } from "./demand-engines.ts";

export type FleetEngine = EngineRow & {
  /** Those that were ever reported, by name. */
  readonly scopes: readonly ScopeRow[];
};

/** How it stands with all engines, or with those that were asked for; cheap also where there are a million. */
export type Fleet = {
  readonly record: CheckRecord;
  readonly counts: EngineCounts;
  /** The worst first. All of them, or where there are too many those that matter: the worst, the oldest and the stalled ones. */
  readonly engines: readonly FleetEngine[];
  /** False: `engines` are not all that `counts` counts. */
  readonly isWhole: boolean;
};

export type FleetQuestion = {
  /** null: all engines. */
  readonly fqdns: readonly string[] | null;
  /** Beyond so many engines only the worst `worst` of each kind are read. */
  readonly mostEngines: number;
  readonly worst: number;
};

/** Reads it. @throws ENGINE_UNKNOWN where an engine was asked for by a name that nobody knows */
export async function readFleet(queries: Queries, { fqdns, mostEngines, worst }: FleetQuestion): Promise<Fleet> {
  const record = await readCheckRecord(queries);
  if (fqdns !== null) {
    const engines = await readEngines(queries, fqdns);
    demandEngines(engines, fqdns);
    return { record, counts: countsOf(engines), engines: await withScopes(queries, engines), isWhole: true };
  }
  const counts = await countEngines(queries);
  const isWhole = counts.total <= mostEngines;
  const names = isWhole
    ? null
    : new Set([
        ...(await listEngines(queries, { order: "state", descending: false, limit: worst })).fqdns,
        ...(await readOldestEngines(queries, worst)),
        ...(await readStalledEngines(queries, worst)),
      ]);
  const engines = await readEngines(queries, names === null ? null : [...names]);
  return { record, counts, engines: await withScopes(queries, engines), isWhole };
}

function countsOf(engines: readonly EngineRow[]): EngineCounts {
  const inState = (state: EngineRow["state"]): number => engines.filter((engine) => engine.state === state).length;
  return {
    total: engines.length,
    disabled: inState("disabled"),
    no_full_backup: inState("no_full_backup"),
    stale: inState("stale"),
    fresh: inState("fresh"),
  };
}

async function withScopes(queries: Queries, engines: readonly EngineRow[]): Promise<readonly FleetEngine[]> {
  const rows = await readScopeRows(
    queries,
    engines.map(({ fqdn }) => fqdn),
  );
  const byEngine = Map.groupBy(rows, ({ fqdn }) => fqdn);
  return engines
    .map((engine) => ({ ...engine, scopes: byEngine.get(engine.fqdn) ?? [] }))
    .toSorted((one, other) => goesStaleAt(one) - goesStaleAt(other) || (one.fqdn < other.fqdn ? -1 : 1));
}

/** Without a full backup it always was. */
function goesStaleAt({ fullBackupAt, staleAt }: EngineRow): number {
  return fullBackupAt === null || staleAt === null ? Number.MIN_SAFE_INTEGER : staleAt.getTime();
}
