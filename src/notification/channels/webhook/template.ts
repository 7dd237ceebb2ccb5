import type { Message } from "../../message.ts";
import { renderText } from "../../render-text.ts";

/** What may stand in double braces, and what it becomes. */
const placeholders: Readonly<Record<string, (message: Message) => string>> = {
  id: ({ id }) => id,
  kind: ({ kind }) => kind,
  severity: ({ severity }) => severity,
  title: ({ title }) => title,
  text: renderText,
  link: ({ link }) => link ?? "",
  incident: ({ incident }) => incident ?? "",
  next_step: ({ nextStep }) => nextStep ?? "",
  sent_at: ({ sentAt }) => sentAt.toISOString(),
  sent_by: ({ hostFqdn }) => hostFqdn,
  total: ({ items, omitted }) => String(items.length + omitted),
  engine: ({ items }) => items[0]?.engine ?? "",
  scope: ({ items }) => items[0]?.scope ?? "",
  type: ({ items }) => items[0]?.type ?? "",
};

const pattern = /\{\{\s*([a-z_]+)\s*\}\}/g;

/** The first placeholder of a template that there is not; null: all are known. */
export function unknownPlaceholder(template: string): string | null {
  for (const [, name = ""] of template.matchAll(pattern)) if (!Object.hasOwn(placeholders, name)) return name;
  return null;
}

/** The template with the message's words in it, escaped as its content type needs. */
export function fillTemplate(template: string, message: Message, contentType: string): string {
  return template.replace(pattern, (_, name: string) => escapeFor(contentType, placeholders[name]?.(message) ?? ""));
}

function escapeFor(contentType: string, value: string): string {
  if (/\bjson\b/i.test(contentType)) return JSON.stringify(value).slice(1, -1);
  if (/\bx-www-form-urlencoded\b/i.test(contentType)) return encodeURIComponent(value);
  if (/\b(xml|html)\b/i.test(contentType)) {
    return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
  }
  return value;
}
