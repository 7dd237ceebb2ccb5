import type { ChannelKind } from "../../channel-kind.ts";
import type { Message } from "../../message.ts";
import { severityColours } from "../../render-html.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

/** A post has at most 16383 characters. */
const longestText = 12_000;

export const mattermost: ChannelKind = {
  kind: "mattermost",
  title: "Mattermost",
  grouping: "list",
  fields: [
    { name: "url", type: "url", required: true, secret: true, help: "the incoming webhook's URL, https://…/hooks/…" },
    { name: "room", type: "text", help: "another channel of Mattermost than the webhook's own" },
  ],
  send: async (message, values, { http }) =>
    resultOfResponse(
      await http({
        url: values.text("url"),
        headers: { "content-type": "application/json" },
        body: JSON.stringify(mattermostMessage(message, values.optionalText("room"))),
      }),
    ),
};

export function mattermostMessage(message: Message, room: string | null) {
  return {
    username: "Backup Awareness",
    ...(room === null ? {} : { channel: room }),
    // Mattermost never takes what stands in a code block for a mention or for markup.
    attachments: [
      {
        fallback: message.title,
        color: severityColours[message.severity],
        title: message.title,
        ...(message.link === null ? {} : { title_link: message.link }),
        text: `\`\`\`\n${renderShortText({ ...message, link: null }, longestText).replaceAll("```", "'''")}\n\`\`\``,
        footer: `Backup Awareness on ${message.hostFqdn}`,
      },
    ],
  };
}
