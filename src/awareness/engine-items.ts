import type { Pool } from "pg";
import type { EngineItem, ScopeItem } from "../contract/api/engine-schemas.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { readOpenAlerts } from "../database/alert-list.ts";
import { type EngineRow, readEngines } from "../database/engines.ts";
import { readScopeRows, type ScopeRow } from "../database/engine-scopes.ts";
import { readPolicy } from "../database/policy.ts";

const dayMs = 86_400_000;

/** These engines as the API shows them, in the order given; those that are not known are left out. */
export async function readEngineItems(pool: Pool, fqdns: readonly string[]): Promise<readonly EngineItem[]> {
  if (fqdns.length === 0) return [];
  const [policy, engines, scopes, alerts] = await Promise.all([
    readPolicy(pool),
    readEngines(pool, fqdns),
    readScopeRows(pool, fqdns),
    readOpenAlerts(pool, fqdns),
  ]);
  const byName = new Map(engines.map((engine) => [engine.fqdn, engine]));
  const scopesOf = Map.groupBy(scopes, ({ fqdn }) => fqdn);
  const alertsOf = Map.groupBy(alerts, ({ fqdn }) => fqdn);
  return fqdns.flatMap((fqdn) => {
    const engine = byName.get(fqdn);
    if (engine === undefined) return [];
    return [
      {
        fqdn,
        state: engine.state,
        since: engine.since.toISOString(),
        full_backup_at: engine.fullBackupAt?.toISOString() ?? null,
        stale_at: engine.staleAt?.toISOString() ?? null,
        has_own_scopes: engine.hasOwnScopes,
        scopes: scopeItems(engine, scopesOf.get(fqdn) ?? [], policy),
        alerts: (alertsOf.get(fqdn) ?? []).map((alert) => ({
          id: alert.id,
          type: alert.type,
          scope: alert.scope,
          raised_at: alert.raisedAt.toISOString(),
          dismissed_at: alert.dismissedAt?.toISOString() ?? null,
        })),
      },
    ];
  });
}

/** @throws ENGINE_UNKNOWN */
export async function readEngineItem(pool: Pool, fqdn: string): Promise<EngineItem> {
  const [item] = await readEngineItems(pool, [fqdn.toLowerCase()]);
  if (item === undefined)
    throw new BackupAwarenessError("ENGINE_UNKNOWN", `there is no engine ${JSON.stringify(fqdn)}`, {
      hint: "an engine is known once it has reported, or has been added by name",
    });
  return item;
}

/** The scopes that are required and those that were reported, by name: what each contributes to the engine's state. */
function scopeItems(
  engine: EngineRow,
  reported: readonly ScopeRow[],
  { alertPeriodDays, now }: { readonly alertPeriodDays: number; readonly now: Date },
): ScopeItem[] {
  const known = new Map(reported.map((row) => [row.scope, row]));
  const required = new Map(engine.required.map(({ scope, periodDays }) => [scope, periodDays]));
  return [...new Set([...required.keys(), ...known.keys()])].toSorted().map((scope): ScopeItem => {
    const row = known.get(scope);
    const isRequired = required.has(scope);
    const ownDays = required.get(scope) ?? null;
    const periodDays = isRequired ? (ownDays ?? alertPeriodDays) : null;
    const staleAt =
      row?.lastSuccessAt == null || periodDays === null
        ? null
        : new Date(row.lastSuccessAt.getTime() + periodDays * dayMs);
    return {
      scope,
      state: !isRequired ? "optional" : staleAt === null ? "never_backed_up" : now > staleAt ? "stale" : "fresh",
      is_required: isRequired,
      period_days: periodDays,
      has_own_period: ownDays !== null,
      stale_at: staleAt?.toISOString() ?? null,
      last_success_at: row?.lastSuccessAt?.toISOString() ?? null,
      last_failure_at: row?.lastFailureAt?.toISOString() ?? null,
      last_failure_message: row?.lastFailureMessage ?? null,
      last_duration_ms: row?.lastDurationMs ?? null,
      last_size_bytes: row?.lastSizeBytes ?? null,
      last_archive: row?.lastArchive ?? null,
      running_since: row?.runningSince?.toISOString() ?? null,
      stalled: row?.stalled ?? false,
    };
  });
}
