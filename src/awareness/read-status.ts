import type { Pool } from "pg";
import type { EngineStatus, ScopeStatus, Status } from "../contract/state.ts";
import { readAlerts } from "../database/alerts.ts";
import { readCheckRecord } from "../database/check.ts";
import { readEngines, readScopes } from "../database/engines.ts";
import { checkSchedule } from "./check-schedule.ts";
import { describeEngine } from "./describe-engine.ts";

const neverReported: ScopeStatus = {
  last_success_at: null,
  last_failure_at: null,
  last_failure_message: null,
  running_since: null,
  stalled: false,
};

/**
 * What every surface shows of these engines, or of all: states worked out at this moment, the alerts that are open, and
 * whether the check itself runs.
 */
export async function readStatus(pool: Pool, hostFqdn: string, fqdns: readonly string[] | null): Promise<Status> {
  const record = await readCheckRecord(pool);
  const [engines, scopes, alerts] = [
    await readEngines(pool, fqdns),
    await readScopes(pool, fqdns),
    await readAlerts(pool, { fqdns }),
  ];
  const schedule = checkSchedule(record);
  const alertsByEngine = Map.groupBy(alerts, ({ fqdn }) => fqdn);
  return {
    fqdn: hostFqdn,
    enabled: record.periodHours !== null,
    checked_at: record.checkedAt?.toISOString() ?? null,
    next_check_at: schedule.nextCheckAt?.toISOString() ?? null,
    check_overdue: schedule.overdue,
    engines: engines.map((engine): EngineStatus => ({
      ...describeEngine(engine),
      scopes: {
        ...Object.fromEntries(engine.required.map(({ scope }) => [scope, neverReported])),
        ...Object.fromEntries(scopes.get(engine.fqdn) ?? []),
      },
      alerts: (alertsByEngine.get(engine.fqdn) ?? []).map((alert) => ({
        id: alert.id,
        type: alert.type,
        scope: alert.scope,
        raised_at: alert.raisedAt.toISOString(),
        dismissed_at: alert.dismissedAt?.toISOString() ?? null,
        message: alert.message,
      })),
    })),
  };
}
