import { checkSchedule } from "./check-schedule.ts";
import type { Fleet, FleetEngine } from "./read-fleet.ts";

/** The states of a monitoring plugin; the index of each is its exit code. */
export const pluginStatuses = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
export type PluginStatus = (typeof pluginStatuses)[number];

/** How old a full backup may be, whatever the engine's own periods are; null: its own period decides. */
export type AgeLimits = { readonly warningMs: number | null; readonly criticalMs: number | null };

export type Trouble =
  | { readonly kind: "no_full_backup"; readonly missing: readonly string[] }
  | { readonly kind: "too_old"; readonly fullBackupAt: Date }
  | { readonly kind: "failed"; readonly scope: string; readonly at: Date }
  | { readonly kind: "stalled"; readonly scope: string; readonly since: Date };

export type EngineVerdict = {
  readonly engine: FleetEngine;
  readonly status: "OK" | "WARNING" | "CRITICAL";
  readonly troubles: readonly Trouble[];
};

/** Why nothing can be said for sure. */
export type WatchFault =
  | { readonly kind: "never_checked"; readonly since: Date }
  /** The last check is more than twice its period ago, or lies ahead of the clock. */
  | { readonly kind: "not_checked"; readonly checkedAt: Date };

export type FleetVerdict = {
  readonly status: PluginStatus;
  readonly fault: WatchFault | null;
  /** The check is switched off: nobody is warned. */
  readonly isDisabled: boolean;
  /** In the fleet's order. */
  readonly engines: readonly EngineVerdict[];
};

/**
 * What a monitoring system is told. Without a full backup an engine is CRITICAL. Older than `criticalMs`: CRITICAL; older than `warningMs`:
 * WARNING. Where no `criticalMs` is given, a stale engine is CRITICAL, by its own periods; where one is given, WARNING at least: it has an
 * open alert. A last run that failed, one that is stalled, a
 * check that is switched off and a database without engines are WARNING. A check that did not run for twice
 * its period makes all of it UNKNOWN: nobody would have been warned.
 */
export function judgeFleet(fleet: Fleet, limits: AgeLimits): FleetVerdict {
  const engines = fleet.engines.map((engine) => judgeEngine(engine, limits, fleet.record.now));
  const isDisabled = fleet.record.periodHours === null;
  const fault = watchFault(fleet);
  const worst = Math.max(
    isDisabled || fleet.counts.total === 0 ? pluginStatuses.indexOf("WARNING") : 0,
    ...engines.map(({ status }) => pluginStatuses.indexOf(status)),
  );
  return {
    status: fault === null ? (pluginStatuses[worst] ?? "UNKNOWN") : "UNKNOWN",
    fault,
    isDisabled,
    engines,
  };
}

function judgeEngine(engine: FleetEngine, { warningMs, criticalMs }: AgeLimits, now: Date): EngineVerdict {
  const troubles: Trouble[] = [];
  let status: EngineVerdict["status"] = "OK";
  const raise = (to: "WARNING" | "CRITICAL"): void => {
    if (status !== "CRITICAL") status = to;
  };
  if (engine.fullBackupAt === null) {
    const succeeded = new Set(engine.scopes.flatMap((row) => (row.lastSuccessAt === null ? [] : [row.scope])));
    troubles.push({
      kind: "no_full_backup",
      missing: engine.required.map(({ scope }) => scope).filter((scope) => !succeeded.has(scope)),
    });
    raise("CRITICAL");
  } else {
    const ageMs = now.getTime() - engine.fullBackupAt.getTime();
    const isStale = engine.state === "stale";
    const isCritical = criticalMs === null ? isStale : ageMs > criticalMs;
    const isWarning = isStale || (warningMs !== null && ageMs > warningMs);
    if (isCritical || isWarning) {
      troubles.push({ kind: "too_old", fullBackupAt: engine.fullBackupAt });
      raise(isCritical ? "CRITICAL" : "WARNING");
    }
  }
  for (const { scope, lastSuccessAt, lastFailureAt, runningSince, stalled } of engine.scopes) {
    if (stalled && runningSince !== null) troubles.push({ kind: "stalled", scope, since: runningSince });
    else if (lastFailureAt !== null && (lastSuccessAt === null || lastFailureAt > lastSuccessAt))
      troubles.push({ kind: "failed", scope, at: lastFailureAt });
    else continue;
    raise("WARNING");
  }
  return { engine, status, troubles };
}

function watchFault({ record }: Fleet): WatchFault | null {
  const { checkedAt, periodHours, installedAt, now } = record;
  if (periodHours === null) return null;
  // Not before the grace that every surface gives is over.
  if (!checkSchedule(record).overdue) return null;
  if (checkedAt === null) return { kind: "never_checked", since: installedAt };
  const sinceMs = now.getTime() - checkedAt.getTime();
  return sinceMs < 0 || sinceMs > 2 * periodHours * 3_600_000 ? { kind: "not_checked", checkedAt } : null;
}
