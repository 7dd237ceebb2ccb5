import type { EngineStatus } from "../contract/state.ts";
import type { EngineRow } from "../database/engines.ts";

/** An engine's state and what it follows from, as every surface prints it in JSON. */
export function describeEngine(engine: EngineRow): Omit<EngineStatus, "scopes" | "alerts"> {
  return {
    fqdn: engine.fqdn,
    state: engine.state,
    since: engine.since.toISOString(),
    full_backup_at: engine.fullBackupAt?.toISOString() ?? null,
    stale_at: engine.staleAt?.toISOString() ?? null,
    required_scopes: engine.required.map(({ scope }) => scope),
    required_period_days: Object.fromEntries(engine.required.map(({ scope, periodDays }) => [scope, periodDays])),
  };
}
