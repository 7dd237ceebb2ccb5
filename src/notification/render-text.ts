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

function detail(item: MessageItem): string {
  const width = Math.max(...item.facts.map(({ label }) => label.length));
  const facts = item.facts.map(({ label, value }) => `${`${label}:`.padEnd(width + 1)} ${value}`).join("\n");
  return item.lastWords === null ? facts : `${facts}\n\nLast words of the tool:\n${indent(item.lastWords)}`;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
