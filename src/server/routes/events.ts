import type { Pool } from "pg";
import type { AlertItem, EventItem } from "../../contract/api/event-schemas.ts";
import { countAlerts, listAlerts } from "../../database/alert-list.ts";
import { type Alert, dismissAlert, readAlerts, restoreAlert } from "../../database/alerts.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { type EventListFilter, listEvents } from "../../database/event-list.ts";
import type { Event } from "../../database/events.ts";
import type { Query } from "../../contract/api/routes.ts";
import { momentOf } from "../api/moment.ts";
import { unlessUnknown } from "../api/unless-unknown.ts";
import type { Handlers } from "../api/handlers.ts";

export const eventHandlers = {
  "GET /events": async ({ pool, query }) => {
    const { after, limit = 50 } = query;
    const page = await listEvents(pool, eventFilter(query), { ...(after === undefined ? {} : { after }), limit });
    return {
      items: page.events.map(eventItem),
      next: page.next,
      searched_to: page.searchedTo?.toISOString() ?? null,
    };
  },

  "GET /alerts": async ({ pool, query }) => {
    const { dismissed, type, fqdn, after, limit = 50 } = query;
    const [{ ids, next }, { open }] = await Promise.all([
      listAlerts(pool, {
        ...(dismissed === undefined ? {} : { dismissed }),
        ...(type === undefined ? {} : { types: type }),
        ...(fqdn === undefined ? {} : { fqdn }),
        ...(after === undefined ? {} : { after }),
        limit,
      }),
      countAlerts(pool),
    ]);
    const alerts = await readAlerts(pool, { ids });
    return { items: alerts.map(alertItem), next, open: { count: open.count, is_capped: open.isCapped } };
  },

  "POST /alerts/dismiss": async ({ pool, body, caller }) => {
    const [dismissed, unknown]: [number[], number[]] = [[], []];
    for (const id of body.ids) {
      const isOpen = await unlessUnknown(dismissAlert(pool, id, caller.actor, body.note ?? null));
      (isOpen ? dismissed : unknown).push(id);
    }
    return { dismissed, unknown };
  },

  "POST /alerts/{id}/dismiss": async ({ pool, params, body, caller }) => {
    await dismissAlert(pool, params.id, caller.actor, body.note ?? null);
    return readAlert(pool, params.id);
  },

  "DELETE /alerts/{id}/dismiss": async ({ pool, params, caller }) => {
    await restoreAlert(pool, params.id, caller.actor);
    return readAlert(pool, params.id);
  },
} satisfies Partial<Handlers>;

async function readAlert(pool: Pool, id: number): Promise<AlertItem> {
  const [alert] = await readAlerts(pool, { ids: [id] });
  if (alert === undefined) throw new BackupAwarenessError("ALERT_UNKNOWN", `there is no open alert ${id}`);
  return alertItem(alert);
}

export function eventFilter(query: Omit<NonNullable<Query<"GET /events">>, "after" | "limit">): EventListFilter {
  const { type, severity, fqdn, scope, since, until, text } = query;
  return {
    ...(type === undefined ? {} : { types: type }),
    ...(severity === undefined ? {} : { minimumSeverity: severity }),
    ...(fqdn === undefined ? {} : { fqdn }),
    ...(scope === undefined ? {} : { scope }),
    ...(since === undefined ? {} : { since: momentOf("since", since) }),
    ...(until === undefined ? {} : { until: momentOf("until", until) }),
    ...(text === undefined ? {} : { text }),
  };
}

export function eventItem(event: Event): EventItem {
  return {
    id: event.id,
    log_time: event.logTime.toISOString(),
    type: event.type,
    code: event.code,
    severity: event.severity,
    fqdn: event.fqdn,
    scope: event.scope,
    alert_id: event.alertId,
    actor: event.actor,
    message: event.message,
  };
}

function alertItem(alert: Alert): AlertItem {
  return {
    id: alert.id,
    type: alert.type,
    fqdn: alert.fqdn,
    scope: alert.scope,
    raised_at: alert.raisedAt.toISOString(),
    cleared_at: alert.clearedAt?.toISOString() ?? null,
    dismissed_at: alert.dismissedAt?.toISOString() ?? null,
    dismissed_by: alert.dismissedBy,
    dismissal_note: alert.dismissalNote,
    message: alert.message,
  };
}
