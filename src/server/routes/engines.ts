import { calendarOfScope } from "../../awareness/calendar.ts";
import { readEngineItem, readEngineItems } from "../../awareness/engine-items.ts";
import type { BackupItem, Calendar } from "../../contract/api/engine-schemas.ts";
import { type BackupRow, listBackups, readBackupDays, readSuccessesBefore } from "../../database/backup-list.ts";
import { type EngineOrder, listEngines } from "../../database/engine-list.ts";
import {
  addEngine,
  readWatchedSince,
  removeEngine,
  type RequiredScope,
  setRequiredScopes,
} from "../../database/engines.ts";
import { readPolicy } from "../../database/policy.ts";
import type { Handlers } from "../api/handlers.ts";
import { unlessUnknown } from "../api/unless-unknown.ts";

const dayMs = 86_400_000;

export const engineHandlers = {
  "GET /engines": async ({ pool, query }) => {
    const { sort = "state", state, scope, text, after, limit = 50 } = query;
    const { fqdns, next } = await listEngines(pool, {
      order: sort.replace("-", "") as EngineOrder,
      descending: sort.startsWith("-"),
      ...(state === undefined ? {} : { states: state }),
      ...(scope === undefined ? {} : { scope }),
      ...(text === undefined ? {} : { text }),
      ...(after === undefined ? {} : { after }),
      limit,
    });
    return { items: [...(await readEngineItems(pool, fqdns))], next };
  },

  "GET /engines/{fqdn}": async ({ pool, params }) => readEngineItem(pool, params.fqdn),

  "POST /engines/required-scopes": async ({ pool, body, caller }) => {
    const required = requiredScopes(body.required_scopes);
    const [changed, unknown]: [string[], string[]] = [[], []];
    for (const fqdn of new Set(body.fqdns.map((name) => name.toLowerCase()))) {
      const isKnown = await unlessUnknown(setRequiredScopes(pool, fqdn, required, caller.actor));
      (isKnown ? changed : unknown).push(fqdn);
    }
    return { changed, unknown };
  },

  "PUT /engines/{fqdn}": async ({ pool, params, body, caller }) => {
    await addEngine(pool, params.fqdn, caller.actor);
    if (body.required_scopes !== undefined)
      await setRequiredScopes(pool, params.fqdn, requiredScopes(body.required_scopes), caller.actor);
    return readEngineItem(pool, params.fqdn);
  },

  "DELETE /engines/{fqdn}": async ({ pool, params, caller }) => {
    await removeEngine(pool, params.fqdn, caller.actor);
    return undefined;
  },

  "GET /engines/{fqdn}/backups": async ({ pool, params, query }) => {
    const { scope, outcome, after, limit = 50 } = query;
    const { rows, next } = await listBackups(pool, {
      fqdn: params.fqdn,
      ...(scope === undefined ? {} : { scope }),
      ...(outcome === undefined ? {} : { outcomes: outcome }),
      ...(after === undefined ? {} : { after }),
      limit,
    });
    // An engine that was removed has its history still; one that never was is an error, not an empty list.
    if (rows.length === 0 && after === undefined) await readEngineItem(pool, params.fqdn);
    return { items: rows.map(backupItem), next };
  },

  "GET /engines/{fqdn}/calendar": async ({ pool, params, query }): Promise<Calendar> => {
    const engine = await readEngineItem(pool, params.fqdn);
    const { now } = await readPolicy(pool);
    const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
    const from = new Date(today - ((query.days ?? 90) - 1) * dayMs);
    const names = engine.scopes.map(({ scope }) => scope);
    const [watchedSince, days, successes] = await Promise.all([
      readWatchedSince(pool, engine.fqdn),
      readBackupDays(pool, engine.fqdn, from),
      readSuccessesBefore(pool, engine.fqdn, names, from),
    ]);
    const daysOf = Map.groupBy(days, ({ scope }) => scope);
    return {
      fqdn: engine.fqdn,
      scopes: engine.scopes.map(({ scope, is_required, period_days }) => ({
        scope,
        is_required,
        days: calendarOfScope({
          from,
          now,
          watchedSince,
          periodDays: period_days,
          formerSuccessAt: successes.get(scope) ?? null,
          days: daysOf.get(scope) ?? [],
        }),
      })),
    };
  },
} satisfies Partial<Handlers>;

function requiredScopes(given: readonly { scope: string; period_days: number | null }[]): RequiredScope[] {
  return given.map(({ scope, period_days }) => ({ scope, periodDays: period_days }));
}

function backupItem(row: BackupRow): BackupItem {
  return {
    id: row.id,
    scope: row.scope,
    outcome: row.outcome,
    started_at: row.startedAt?.toISOString() ?? null,
    done_at: row.doneAt?.toISOString() ?? null,
    effective_at: row.effectiveAt.toISOString(),
    received_at: row.receivedAt.toISOString(),
    duration_ms: row.durationMs,
    size_bytes: row.sizeBytes,
    archive: row.archive,
    tool: row.tool,
    run_id: row.runId,
    log_path: row.logPath,
    output_message: row.outputMessage,
  };
}
