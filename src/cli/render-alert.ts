import type { Alert } from "../database/alerts.ts";
import type { Output } from "./command-context.ts";
import { indented, printable } from "../contract/printable.ts";
import { tellMomentAndAge } from "../contract/tell-time.ts";

/** An alert as `alerts --json` and `check --json` print it. Keys may be added, none renamed. */
export function alertAsJson(alert: Alert) {
  return {
    id: alert.id,
    type: alert.type,
    fqdn: alert.fqdn,
    scope: alert.scope,
    raised_at: alert.raisedAt.toISOString(),
    cleared_at: alert.clearedAt?.toISOString() ?? null,
    dismissed_at: alert.dismissedAt?.toISOString() ?? null,
    dismissed_by: alert.dismissedBy,
    message: alert.message,
  };
}

/** An alert as a person reads it: what and since when in the first line, what it says below. */
export function renderAlert(alert: Alert, now: Date, paint: Output["paint"]): string {
  const about = `${printable(alert.fqdn)}${alert.scope === null ? "" : `, ${alert.scope}`}`;
  const lines = [
    `${paint("bold", String(alert.id))}  ${alert.type}  ${about}`,
    `raised ${tellMomentAndAge(alert.raisedAt, now)}`,
  ];
  if (alert.dismissedAt !== null) {
    lines.push(
      paint(
        "dim",
        `dismissed ${tellMomentAndAge(alert.dismissedAt, now)} by ${printable(alert.dismissedBy ?? "nobody known")}`,
      ),
    );
  }
  if (alert.message !== null) lines.push(indented(alert.message, 4));
  return lines.join("\n    ");
}
