import type { ChannelKind } from "../../channel-kind.ts";
import type { Message } from "../../message.ts";
import { severityColours } from "../../render-html.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

/** What an embed may hold; all of its texts together at most 6000. */
const [longestTitle, longestDescription] = [256, 4_000];

export const discord: ChannelKind = {
  kind: "discord",
  title: "Discord",
  grouping: "list",
  fields: [
    {
      name: "url",
      type: "url",
      required: true,
      secret: true,
      help: "the webhook's URL, https://discord.com/api/webhooks/…",
    },
  ],
  send: async (message, values, { http }) => {
    const url = new URL(values.text("url"));
    url.searchParams.set("wait", "true"); // else an answer says nothing of whether it was posted
    return resultOfResponse(
      await http({
        url: url.href,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(discordMessage(message)),
      }),
    );
  },
};

export function discordMessage(message: Message) {
  return {
    username: "Backup Awareness",
    // A host's name that reads @everyone calls nobody.
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: message.title.slice(0, longestTitle),
        description: `\`\`\`\n${renderShortText({ ...message, link: null }, longestDescription - 8).replaceAll("```", "'''")}\n\`\`\``,
        color: Number.parseInt(severityColours[message.severity].slice(1), 16),
        timestamp: message.sentAt.toISOString(),
        footer: { text: `Backup Awareness on ${message.hostFqdn}`.slice(0, 1_000) },
        ...(message.link === null ? {} : { url: message.link }),
      },
    ],
  };
}
