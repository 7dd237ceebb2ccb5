import type { ChannelKind } from "../../channel-kind.ts";
import type { Message } from "../../message.ts";
import { escapeHtml } from "../../render-html.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

/** A message has at most 4096 characters after its markup was read. */
const longestText = 3_800;

export const telegram: ChannelKind = {
  kind: "telegram",
  title: "Telegram",
  grouping: "list",
  fields: [
    { name: "token", type: "text", required: true, secret: true, help: "the bot's token, as BotFather gave it" },
    { name: "chat", type: "text", required: true, help: "the chat's number, or @name of a public channel" },
    { name: "thread", type: "number", minimum: 1, help: "the number of a forum's topic" },
    { name: "server", type: "url", fallback: "https://api.telegram.org", help: "the Bot API's server" },
  ],
  faultOf: (values) =>
    /^\d+:[A-Za-z0-9_-]+$/.test(values.text("token")) ? null : "the token is not of the form 123456:ABC-DEF",
  send: async (message, values, { http }) => {
    const response = await http({
      url: `${values.text("server").replace(/\/+$/, "")}/bot${values.text("token")}/sendMessage`,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        chat_id: values.text("chat"),
        ...(values.optionalNumber("thread") === null ? {} : { message_thread_id: values.number("thread") }),
        ...telegramMessage(message),
      }),
    });
    return {
      ...resultOfResponse(response),
      ...(response.status === 429 ? { retryAfterMs: retryAfterMs(response.body) } : {}),
    };
  },
};

export function telegramMessage(message: Message) {
  return {
    text: `<b>${escapeHtml(message.title)}</b>\n\n<pre>${escapeHtml(renderShortText({ ...message, link: null }, longestText - message.title.length))}</pre>${
      message.link === null ? "" : `\n<a href="${escapeHtml(message.link)}">Open in Backup Awareness</a>`
    }`,
    parse_mode: "HTML" as const,
    link_preview_options: { is_disabled: true },
    disable_notification: message.severity === "normal",
  };
}

/** How long the Bot API asks to wait stands in its answer, not in a header. */
function retryAfterMs(body: string): number | null {
  const seconds = /"retry_after"\s*:\s*(\d{1,6})/.exec(body)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}
