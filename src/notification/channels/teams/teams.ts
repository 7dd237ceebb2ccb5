import type { Severity } from "../../../contract/event.ts";
import type { ChannelKind } from "../../channel-kind.ts";
import type { Message, MessageItem } from "../../message.ts";
import { resultOfResponse } from "../../send-result.ts";

/** Teams takes 28 KB; a list that is longer is not read in a chat. */
const mostItems = 20;
const longestText = 1_500;

const colours: Readonly<Record<Severity, string>> = {
  normal: "Good",
  warning: "Warning",
  error: "Attention",
  alert: "Attention",
};

export const teams: ChannelKind = {
  kind: "teams",
  title: "Microsoft Teams",
  grouping: "list",
  fields: [
    {
      name: "url",
      type: "url",
      required: true,
      secret: true,
      help: 'the URL of a workflow "Post to a channel when a webhook request is received"',
    },
  ],
  send: async (message, values, { http }) =>
    resultOfResponse(
      await http({
        url: values.text("url"),
        headers: { "content-type": "application/json" },
        body: JSON.stringify(teamsMessage(message)),
      }),
    ),
};

/** An Adaptive Card in the envelope that the trigger of Workflows expects. Connectors' older cards are gone. */
export function teamsMessage(message: Message) {
  return {
    type: "message",
    attachments: [
      { contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content: adaptiveCard(message) },
    ],
  };
}

function adaptiveCard(message: Message) {
  const items = message.items.slice(0, mostItems);
  const omitted = message.omitted + message.items.length - items.length;
  const next = message.nextStep;
  return {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    msteams: { width: "Full" },
    body: [
      {
        type: "TextBlock",
        size: "Medium",
        weight: "Bolder",
        color: colours[message.severity],
        ...textOf(message.title),
      },
      ...items.flatMap(itemElements),
      ...(omitted > 0 ? [{ type: "TextBlock", ...textOf(`… and ${omitted} more.`) }] : []),
      ...(next === null
        ? []
        : [{ type: "TextBlock", ...textOf(message.kind === "test" ? next : `What to do: ${next}`) }]),
      { type: "TextBlock", isSubtle: true, size: "Small", ...textOf(`Backup Awareness on ${message.hostFqdn}`) },
    ],
    ...(message.link === null
      ? {}
      : { actions: [{ type: "Action.OpenUrl", title: "Open in Backup Awareness", url: message.link }] }),
  };
}

function itemElements({ facts, line, lastWords }: MessageItem): object[] {
  if (facts.length === 0) return [{ type: "TextBlock", spacing: "Small", ...textOf(line) }];
  return [
    {
      type: "FactSet",
      facts: facts.map(({ label, value }) => ({ title: label, value: escape(value.slice(0, longestText)) })),
    },
    ...(lastWords === null
      ? []
      : [
          { type: "TextBlock", weight: "Bolder", ...textOf("Last words of the tool") },
          { type: "TextBlock", fontType: "Monospace", ...textOf(lastWords.slice(-longestText)) },
        ]),
  ];
}

function textOf(text: string): { text: string; wrap: true } {
  return { text: escape(text), wrap: true };
}

/** A card's texts are Markdown; a name's stars and brackets are no markup. */
function escape(text: string): string {
  return text.replace(/[\\*_[\]`#~]/g, (mark) => `\\${mark}`);
}
