import type { Severity } from "../../../contract/event.ts";
import type { ChannelKind } from "../../channel-kind.ts";
import type { Message } from "../../message.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

/** A message that has more than 4096 bytes becomes an attachment, which a lock screen does not show. */
const mostBytes = 4_000;

/** 5 overrides a phone's silence. */
const priorities: Readonly<Record<Severity, number>> = { normal: 3, warning: 3, error: 4, alert: 5 };

export const ntfy: ChannelKind = {
  kind: "ntfy",
  title: "ntfy",
  grouping: "list",
  fields: [
    { name: "server", type: "url", fallback: "https://ntfy.sh", help: "the server's address" },
    { name: "topic", type: "text", required: true, secret: true, help: "the topic; who knows it can read along" },
    { name: "token", type: "text", secret: true, help: "an access token, where the topic is protected" },
  ],
  faultOf: (values) =>
    /^[-_A-Za-z0-9]{1,64}$/.test(values.text("topic")) ? null : "the topic is not one that ntfy knows",
  send: async (message, values, { http }) => {
    const token = values.optionalText("token");
    return resultOfResponse(
      await http({
        url: values.text("server"),
        headers: {
          "content-type": "application/json",
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ topic: values.text("topic"), ...ntfyMessage(message) }),
      }),
    );
  },
};

export function ntfyMessage(message: Message) {
  let text = renderShortText({ ...message, link: null }, mostBytes);
  while (Buffer.byteLength(text) > mostBytes) text = text.slice(0, Math.floor(text.length * 0.9));
  return {
    title: message.title.slice(0, 250),
    message: text,
    priority: message.kind === "cleared" ? 2 : priorities[message.severity],
    tags: [
      message.kind === "cleared"
        ? "white_check_mark"
        : message.severity === "normal"
          ? "information_source"
          : "warning",
    ],
    ...(message.link === null ? {} : { click: message.link }),
  };
}
