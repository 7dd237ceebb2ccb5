import type { Severity } from "../../../contract/event.ts";
import type { ChannelKind } from "../../channel-kind.ts";
import type { Message } from "../../message.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

/** From 8 on a phone rings. */
const priorities: Readonly<Record<Severity, number>> = { normal: 2, warning: 5, error: 7, alert: 9 };

export const gotify: ChannelKind = {
  kind: "gotify",
  title: "Gotify",
  grouping: "list",
  fields: [
    { name: "server", type: "url", required: true, help: "the server's address" },
    { name: "token", type: "text", required: true, secret: true, help: "the token of an application" },
  ],
  send: async (message, values, { http }) =>
    resultOfResponse(
      await http({
        url: `${values.text("server").replace(/\/+$/, "")}/message`,
        headers: { "content-type": "application/json", "x-gotify-key": values.text("token") },
        body: JSON.stringify(gotifyMessage(message)),
      }),
    ),
};

function gotifyMessage(message: Message) {
  return {
    title: message.title,
    message: renderShortText({ ...message, link: null }, 20_000) || message.title,
    priority: priorities[message.severity],
    extras: {
      "client::display": { contentType: "text/plain" },
      ...(message.link === null ? {} : { "client::notification": { click: { url: message.link } } }),
    },
  };
}
