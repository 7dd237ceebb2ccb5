import type { Severity } from "../../../contract/event.ts";
import type { ChannelKind } from "../../channel-kind.ts";
import { factsAsObject, type Message } from "../../message.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

/** An event has at most 512 KB, its summary 1024 characters. */
const [longestSummary, longestDetails] = [1_024, 100_000];

const severityNames: Readonly<Record<Severity, string>> = {
  normal: "info",
  warning: "warning",
  error: "error",
  alert: "critical",
};

export const pagerduty: ChannelKind = {
  kind: "pagerduty",
  title: "PagerDuty",
  grouping: "single",
  fields: [
    {
      name: "routing_key",
      type: "text",
      required: true,
      secret: true,
      help: "the integration key of an Events API v2 integration: 32 characters",
    },
    {
      name: "server",
      type: "url",
      fallback: "https://events.pagerduty.com",
      help: "https://events.eu.pagerduty.com for the service region EU",
    },
  ],
  send: async (message, values, { http }) =>
    resultOfResponse(
      await http({
        url: `${values.text("server").replace(/\/+$/, "")}/v2/enqueue`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ routing_key: values.text("routing_key"), ...pagerdutyEvent(message) }),
      }),
    ),
};

type PagerdutyEvent = {
  readonly event_action: "trigger" | "resolve";
  readonly dedup_key: string;
  readonly payload?: { readonly summary: string; readonly severity: string } & Readonly<Record<string, unknown>>;
} & Readonly<Record<string, unknown>>;

/** Triggers an incident, or resolves the one that was triggered: both by the same key. */
export function pagerdutyEvent(message: Message): PagerdutyEvent {
  const dedupKey = `backup-awareness/${message.hostFqdn}/${message.incident ?? message.id}`.slice(-255);
  if (message.kind === "cleared") return { event_action: "resolve", dedup_key: dedupKey };
  const [first] = message.items;
  return {
    event_action: "trigger",
    dedup_key: dedupKey,
    payload: {
      summary: message.title.slice(0, longestSummary),
      source: first?.engine ?? message.hostFqdn,
      severity: severityNames[message.severity],
      timestamp: (first?.at ?? message.sentAt).toISOString(),
      ...(first?.scope == null ? {} : { component: first.scope }),
      group: "backup",
      ...(first === undefined ? {} : { class: first.type }),
      custom_details: {
        ...factsAsObject(message),
        text: renderShortText(message, longestDetails),
      },
    },
    ...(message.link === null
      ? {}
      : { links: [{ href: message.link, text: "Open in Backup Awareness" }], client_url: message.link }),
    client: "Backup Awareness",
  };
}
