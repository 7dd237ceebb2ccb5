import type { Severity } from "../../../contract/event.ts";
import type { ChannelKind } from "../../channel-kind.ts";
import { factsAsObject, type Message } from "../../message.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

const [longestMessage, longestAlias, longestDescription, longestEntity] = [130, 512, 15_000, 512];

const priorities: Readonly<Record<Severity, string>> = { normal: "P5", warning: "P3", error: "P2", alert: "P1" };

export const opsgenie: ChannelKind = {
  kind: "opsgenie",
  title: "Opsgenie",
  grouping: "single",
  fields: [
    { name: "api_key", type: "text", required: true, secret: true, help: "the key of an API integration" },
    {
      name: "server",
      type: "url",
      fallback: "https://api.opsgenie.com",
      help: "https://api.eu.opsgenie.com for the service region EU",
    },
  ],
  send: async (message, values, { http }) => {
    const { path, body } = opsgenieRequest(message);
    return resultOfResponse(
      await http({
        url: `${values.text("server").replace(/\/+$/, "")}${path}`,
        headers: { "content-type": "application/json", authorization: `GenieKey ${values.text("api_key")}` },
        body: JSON.stringify(body),
      }),
    );
  },
};

/** Creates an alert, or closes the one that was created: both by the same alias. */
export function opsgenieRequest(message: Message): { readonly path: string; readonly body: object } {
  const alias = `backup-awareness/${message.hostFqdn}/${message.incident ?? message.id}`.slice(-longestAlias);
  const source = message.hostFqdn.slice(0, 100);
  if (message.kind === "cleared") {
    return {
      path: `/v2/alerts/${encodeURIComponent(alias)}/close?identifierType=alias`,
      body: { source, note: message.title },
    };
  }
  const [first] = message.items;
  return {
    path: "/v2/alerts",
    body: {
      message: message.title.length > longestMessage ? `${message.title.slice(0, longestMessage - 1)}…` : message.title,
      alias,
      description: renderShortText(message, longestDescription),
      priority: priorities[message.severity],
      source,
      ...(first?.engine == null ? {} : { entity: first.engine.slice(0, longestEntity) }),
      tags: ["backup", ...(first === undefined ? [] : [first.type])].map((tag) => tag.slice(0, 50)),
      details: factsAsObject(message),
    },
  };
}
