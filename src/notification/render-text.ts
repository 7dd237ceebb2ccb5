import type { Message, MessageItem } from "./message.ts";

/** The whole message as plain text, the title left out. */
export function renderText(message: Message): string {
  const { items, omitted } = message;
  const [only] = items;
  const parts: string[] = [];
  if (items.length === 1 && only !== undefined && only.facts.length > 0) parts.push(detail(only));
  else if (items.length > 0) {
    const detailed = items.every(({ facts }) => facts.length > 0);
    parts.push(
      detailed
        ? items.map((item) => `* ${item.line}\n${indent(detail(item))}`).join("\n\n")
        : items.map(({ line }) => `* ${line}`).join("\n"),
    );
  }
  if (omitted > 0) parts.push(`… and ${omitted} more.`);
  if (message.nextStep !== null)
    parts.push(message.kind === "test" ? message.nextStep : `What to do: ${message.nextStep}`);
  if (message.link !== null) parts.push(message.link);
  return parts.join("\n\n");
}

/** The message in so many characters at most: fewer lines rather than half ones. */
export function renderShortText(message: Message, longest: number): string {
  for (const count of [message.items.length, 50, 20, 10, 5, 1, 0]) {
    if (count > message.items.length) continue;
    const text = renderText({
      ...message,
      items: message.items.slice(0, count),
      omitted: message.omitted + message.items.length - count,
    });
    if (text.length <= longest) return text;
    if (count <= 1 && message.items.length <= 1) return `${text.slice(0, longest - 1)}…`;
  }
  return message.title.slice(0, longest);
}

function detail(item: MessageItem): string {
  const width = Math.max(...item.facts.map(({ label }) => label.length));
  const facts = item.facts.map(({ label, value }) => `${`${label}:`.padEnd(width + 1)} ${value}`).join("\n");
  return item.lastWords === null ? facts : `${facts}\n\nLast words of the tool:\n${indent(item.lastWords)}`;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
