import type { ChannelKind } from "../../channel-kind.ts";
import type { Message, MessageItem } from "../../message.ts";
import { severityColours } from "../../render-html.ts";
import { renderShortText } from "../../render-text.ts";
import { resultOfResponse } from "../../send-result.ts";

/** What Slack's Block Kit allows. */
const [longestHeader, longestSection, longestField, mostFields, mostItems] = [150, 3000, 2000, 10, 20];

type Plain = { readonly type: "plain_text"; readonly text: string };
type Mrkdwn = { readonly type: "mrkdwn"; readonly text: string };
type Block =
  | { readonly type: "header"; readonly text: Plain }
  | { readonly type: "section"; readonly text: Mrkdwn }
  | { readonly type: "section"; readonly fields: Mrkdwn[] }
  | { readonly type: "context"; readonly elements: Plain[] };

export const slack: ChannelKind = {
  kind: "slack",
  title: "Slack",
  grouping: "list",
  fields: [
    {
      name: "url",
      type: "url",
      required: true,
      secret: true,
      help: "the incoming webhook's URL, https://hooks.slack.com/services/…",
    },
  ],
  send: async (message, values, { http }) =>
    resultOfResponse(
      await http({
        url: values.text("url"),
        headers: { "content-type": "application/json; charset=utf-8" },
        body: JSON.stringify(slackMessage(message)),
      }),
    ),
};

/** A message of Block Kit; `text` is what a notification shows. */
export function slackMessage(message: Message) {
  const items = message.items.slice(0, mostItems);
  const [only] = items;
  const omitted = message.omitted + message.items.length - items.length;
  const blocks: Block[] = [{ type: "header", text: plain(message.title, longestHeader) }];
  if (items.length === 1 && only !== undefined && only.facts.length > 0) blocks.push(...detailBlocks(only));
  else if (items.length > 0) blocks.push(...listBlocks(items, omitted));
  if (message.nextStep !== null)
    blocks.push(
      section(message.kind === "test" ? escape(message.nextStep) : `*What to do:* ${escape(message.nextStep)}`),
    );
  if (message.link !== null) blocks.push(section(`<${escape(message.link)}|Open in Backup Awareness>`));
  blocks.push({ type: "context", elements: [plain(`Backup Awareness on ${message.hostFqdn}`, longestSection)] });
  return {
    text: escape(renderTitle(message)),
    attachments: [
      { color: severityColours[message.severity], fallback: escape(renderShortText(message, 2_000)), blocks },
    ],
  };
}

function renderTitle({ title, severity, kind }: Message): string {
  return kind === "cleared" || severity === "normal" ? title : `[${severity}] ${title}`;
}

function detailBlocks({ facts, lastWords }: MessageItem): Block[] {
  const short = facts.filter(({ label }) => label !== "What");
  const what = facts.find(({ label }) => label === "What");
  return [
    {
      type: "section",
      fields: short
        .slice(0, mostFields)
        .map(({ label, value }) => mrkdwn(`*${escape(label)}*\n${escape(value)}`, longestField)),
    },
    ...(what === undefined ? [] : [section(escape(what.value))]),
    ...(lastWords === null
      ? []
      : [section(`*Last words of the tool*\n\`\`\`${escape(lastWords.slice(-2500)).replaceAll("```", "'''")}\`\`\``)]),
  ];
}

/** Lines in sections that are not too long. */
function listBlocks(items: readonly MessageItem[], omitted: number): Block[] {
  const lines = items.map(({ line }) => `• ${escape(line)}`);
  if (omitted > 0) lines.push(`… and ${omitted} more.`);
  const texts: string[] = [""];
  for (const line of lines) {
    const last = texts.length - 1;
    const joined = texts[last] === "" ? line : `${texts[last] ?? ""}\n${line}`;
    if (joined.length <= longestSection) texts[last] = joined;
    else texts.push(line.slice(0, longestSection));
  }
  return texts.map((text) => section(text));
}

function section(text: string): Block {
  return { type: "section", text: mrkdwn(text, longestSection) };
}

function mrkdwn(text: string, longest: number): Mrkdwn {
  return { type: "mrkdwn", text: text.slice(0, longest) };
}

function plain(text: string, longest: number): Plain {
  return { type: "plain_text", text: text.length > longest ? `${text.slice(0, longest - 1)}…` : text };
}

/** What Slack's mrkdwn gives a meaning of its own. */
function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
