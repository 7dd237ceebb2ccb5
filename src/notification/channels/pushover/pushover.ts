import type { Severity } from "../../../contract/event.ts";
import type { ChannelKind } from "../../channel-kind.ts";
import type { Message } from "../../message.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

const [longestTitle, longestMessage, longestUrl] = [250, 1_024, 512];

/** 1 passes a phone's quiet hours. 2 would have to be confirmed: that is the choice of who sets emergency=yes. */
const priorities: Readonly<Record<Severity, number>> = { normal: -1, warning: 0, error: 1, alert: 1 };

export const pushover: ChannelKind = {
  kind: "pushover",
  title: "Pushover",
  grouping: "list",
  fields: [
    { name: "token", type: "text", required: true, secret: true, help: "the application's API token" },
    { name: "user", type: "text", required: true, secret: true, help: "the user's or group's key" },
    {
      name: "emergency",
      type: "choice",
      choices: ["no", "yes"],
      fallback: "no",
      help: "yes: an alert rings every five minutes until somebody confirms it, for three hours at most",
    },
    { name: "server", type: "url", fallback: "https://api.pushover.net", help: "the API's server" },
  ],
  send: async (message, values, { http }) =>
    resultOfResponse(
      await http({
        url: `${values.text("server").replace(/\/+$/, "")}/1/messages.json`,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          token: values.text("token"),
          user: values.text("user"),
          ...pushoverMessage(message, values.text("emergency") === "yes"),
        }),
      }),
    ),
};

export function pushoverMessage(message: Message, emergency: boolean) {
  const rings = emergency && message.severity === "alert" && message.kind !== "cleared";
  return {
    title: message.title.slice(0, longestTitle),
    message: renderShortText({ ...message, link: null }, longestMessage) || message.title,
    timestamp: Math.floor(message.sentAt.getTime() / 1000),
    ...(rings ? { priority: 2, retry: 300, expire: 10_800 } : { priority: priorities[message.severity] }),
    ...(message.link === null || message.link.length > longestUrl
      ? {}
      : { url: message.link, url_title: "Open in Backup Awareness" }),
  };
}
