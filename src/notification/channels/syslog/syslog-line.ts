import type { Severity } from "../../../contract/event.ts";
import { eventCode, type Message } from "../../message.ts";
import { enterpriseNumber } from "../enterprise-number.ts";

/** Alert, error, warning, notice. */
const severityNumbers: Readonly<Record<Severity, number>> = { alert: 1, error: 3, warning: 4, normal: 5 };

/** A message by RFC 5424, on one line, of at most so many bytes. */
export function syslogLine(message: Message, facility: number, mostBytes: number): string {
  const [first] = message.items;
  const header = [
    `<${facility * 8 + severityNumbers[message.severity]}>1`,
    message.sentAt.toISOString(),
    asciiWord(message.hostFqdn, 255),
    "backup-awareness",
    "-",
    asciiWord(first?.type ?? message.kind, 32),
    structuredData(message),
  ].join(" ");
  const said = [
    message.title,
    ...(message.items.length === 1 ? [] : message.items.map(({ line }) => line)),
    ...(first === undefined
      ? []
      : first.facts.filter(({ label }) => label !== "Engine").map(({ label, value }) => `${label}: ${value}`)),
    ...(first?.lastWords == null ? [] : [`Last words of the tool: ${first.lastWords}`]),
    ...(message.omitted > 0 ? [`and ${message.omitted} more`] : []),
    ...(message.nextStep === null ? [] : [message.nextStep]),
    ...(message.link === null ? [] : [message.link]),
  ]
    .join("; ")
    .replace(/\s+/g, " ");
  // The mark says that what follows is UTF-8.
  return cutToBytes(`${header} \u{FEFF}${said}`, mostBytes);
}

function structuredData(message: Message): string {
  const [first] = message.items;
  const values: readonly (readonly [string, string | number | null | undefined])[] = [
    ["kind", message.kind],
    ["id", message.id],
    ["incident", message.incident],
    ["total", message.items.length + message.omitted],
    ["code", first === undefined ? null : eventCode(first.type)],
    ["engine", first?.engine],
    ["scope", first?.scope],
    ["alert", first?.alertId],
  ];
  const parameters = values.flatMap(([name, value]) =>
    value == null ? [] : [` ${name}="${String(value).replace(/["\\\]]/g, (mark) => `\\${mark}`)}"`],
  );
  return `[backupAwareness@${enterpriseNumber}${parameters.join("")}]`;
}

/** A field of the header: printable ASCII without blanks. */
function asciiWord(text: string, longest: number): string {
  return text.replace(/[^\x21-\x7e]/g, "?").slice(0, longest) || "-";
}

function cutToBytes(text: string, mostBytes: number): string {
  if (Buffer.byteLength(text) <= mostBytes) return text;
  const cut = Buffer.from(text)
    .subarray(0, mostBytes - 3)
    .toString("utf8");
  return `${cut.replace(/\u{FFFD}+$/u, "")}…`;
}
