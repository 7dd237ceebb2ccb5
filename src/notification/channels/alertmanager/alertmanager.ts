import type { Severity } from "../../../contract/event.ts";
import type { ChannelKind } from "../../channel-kind.ts";
import type { Message, MessageItem } from "../../message.ts";
import { resultOfResponse } from "../../send-result.ts";

/**
 * Alertmanager takes an alert for over at its end, by default five minutes after it was told of it. Ours are over when we say so: a warning must not
 * go because nobody repeats it.
 */
const farAwayMs = 10 * 365 * 86_400_000;

const severityNames: Readonly<Record<Severity, string>> = {
  normal: "info",
  warning: "warning",
  error: "critical",
  alert: "critical",
};

export const alertmanager: ChannelKind = {
  kind: "alertmanager",
  title: "Prometheus Alertmanager",
  grouping: "list",
  longestList: 1_000_000,
  fields: [
    {
      name: "url",
      type: "url",
      required: true,
      help: "Alertmanager's address, such as https://alertmanager.example.com",
    },
    { name: "username", type: "text", help: "who logs in, where a login is asked for" },
    { name: "password", type: "text", secret: true, help: "the password to log in with" },
    { name: "label", type: "list", help: "a label of your own, as team=ops; give it several times for several" },
  ],
  faultOf: (values) => {
    for (const label of values.list("label"))
      if (!/^[a-zA-Z_][a-zA-Z0-9_]*=.+$/.test(label)) return `${JSON.stringify(label)} is no label, such as team=ops`;
    return null;
  },
  send: async (message, values, { http }) => {
    const user = values.optionalText("username");
    const login = `${user ?? ""}:${values.optionalText("password") ?? ""}`;
    const alerts = alertmanagerAlerts(message, values.list("label"));
    if (alerts.length === 0) return { outcome: "accepted", answer: "nothing that Alertmanager has a word for" };
    return resultOfResponse(
      await http({
        url: `${values.text("url").replace(/\/+$/, "")}/api/v2/alerts`,
        headers: {
          "content-type": "application/json",
          ...(user === null ? {} : { authorization: `Basic ${Buffer.from(login).toString("base64")}` }),
        },
        body: JSON.stringify(alerts),
      }),
    );
  },
};

/**
 * One alert for each; its labels name it, and so are the same when it ends. An event that is no alert is one that ends by itself within an hour.
 */
export function alertmanagerAlerts(message: Message, ownLabels: readonly string[]) {
  const own = Object.fromEntries(
    ownLabels.map((label) => [label.slice(0, label.indexOf("=")), label.slice(label.indexOf("=") + 1)]),
  );
  const common = message.link === null ? {} : { generatorURL: message.link };
  if (message.kind === "test") {
    return [
      {
        labels: { ...own, alertname: "BackupAwarenessTest", severity: "info", instance: message.hostFqdn },
        annotations: { summary: message.title, description: message.nextStep ?? "" },
        startsAt: message.sentAt.toISOString(),
        endsAt: new Date(message.sentAt.getTime() + 60_000).toISOString(),
        ...common,
      },
    ];
  }
  return message.items.map((item) => ({
    labels: { ...own, ...labelsOf(item) },
    annotations: {
      summary: item.line,
      description: item.lastWords ?? item.facts.find(({ label }) => label === "What")?.value ?? item.line,
      ...(message.nextStep === null ? {} : { next_step: message.nextStep }),
    },
    startsAt: item.at.toISOString(),
    endsAt: endOf(item, message).toISOString(),
    ...common,
  }));
}

function labelsOf(item: MessageItem): Record<string, string> {
  return {
    alertname: item.type,
    severity: severityNames[item.severity],
    ...(item.engine === null ? {} : { engine: item.engine }),
    ...(item.scope === null ? {} : { scope: item.scope }),
  };
}

function endOf(item: MessageItem, message: Message): Date {
  if (message.kind === "cleared") return item.clearedAt ?? message.sentAt;
  return new Date(message.sentAt.getTime() + (item.alertId === null ? 3_600_000 : farAwayMs));
}
