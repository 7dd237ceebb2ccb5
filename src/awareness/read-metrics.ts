import type { Pool } from "pg";
import {
  type ChannelCounts,
  countDeliveries,
  countJobs,
  countOpenAlerts,
  type JobCount,
  type OpenAlertCount,
} from "../database/metrics.ts";
import { withSnapshot } from "../database/snapshot.ts";
import { type Fleet, readFleet } from "./read-fleet.ts";

/** Everything that one scrape tells, as it was at one moment. */
export type Metrics = {
  readonly fleet: Fleet;
  readonly alerts: readonly OpenAlertCount[];
  readonly jobs: readonly JobCount[];
  readonly channels: readonly ChannelCounts[];
};

/** Engines of which there are series of their own where not every engine can have them. */
const worst = 100;
/** Of one statement; Prometheus gives a scrape ten seconds. */
const statementTimeoutMs = 5_000;

/** Reads it, in one snapshot. Where there are more engines than `mostEngines`, only the worst hundred are among the fleet's. */
export async function readMetrics(pool: Pool, mostEngines: number): Promise<Metrics> {
  return withSnapshot(pool, statementTimeoutMs, async (queries) => {
    const fleet = await readFleet(queries, { fqdns: null, mostEngines, worst });
    return {
      fleet: fleet.isWhole ? fleet : { ...fleet, engines: fleet.engines.slice(0, worst) },
      alerts: await countOpenAlerts(queries),
      jobs: await countJobs(queries),
      channels: await countDeliveries(queries),
    };
  });
}
