import type { Severity } from "../contract/event.ts";
import type { Message, MessageItem } from "./message.ts";

/** Colours of severities, for whatever can show one. */
export const severityColours: Readonly<Record<Severity, string>> = {
  normal: "#3e8635",
  warning: "#f0ab00",
  error: "#c9190b",
  alert: "#a30000",
};

/** The whole message as HTML that mail programs show alike: tables and inline styles, no images, nothing loaded. */
export function renderHtml(message: Message): string {
  const colour = severityColours[message.severity];
  const items = message.items.map(renderItem).join("");
  const omitted = message.omitted > 0 ? `<p style="margin:12px 0">… and ${message.omitted} more.</p>` : "";
  const next =
    message.nextStep === null
      ? ""
      : `<p style="margin:16px 0 0 0">${message.kind === "test" ? "" : "<b>What to do:</b> "}${escapeHtml(message.nextStep)}</p>`;
  const link =
    message.link === null
      ? ""
      : `<p style="margin:16px 0 0 0"><a href="${escapeHtml(message.link)}">${escapeHtml(message.link)}</a></p>`;
  return htmlPage(
    message.title,
    `<h1 style="font-size:18px;margin:0 0 12px 0;padding:0 0 0 10px;border-left:6px solid ${colour}">${escapeHtml(message.title)}</h1>` +
      `${items}${omitted}${next}${link}` +
      `<p style="margin:20px 0 0 0;color:#6a6e73;font-size:12px">Backup Awareness on ${escapeHtml(message.hostFqdn)}</p>`,
  );
}

/** A page around a body. */
function htmlPage(title: string, body: string): string {
  return (
    `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>` +
    `<body style="margin:0;padding:16px;background:#ffffff;color:#151515;font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:1.4">${body}</body></html>`
  );
}

function renderItem(item: MessageItem): string {
  if (item.facts.length === 0) return `<div style="padding:2px 0">${escapeHtml(item.line)}</div>`;
  const rows = item.facts
    .map(
      ({ label, value }) =>
        `<tr><td style="padding:2px 16px 2px 0;color:#6a6e73;vertical-align:top;white-space:nowrap">${escapeHtml(label)}</td>` +
        `<td style="padding:2px 0;vertical-align:top">${escapeHtml(value)}</td></tr>`,
    )
    .join("");
  const words =
    item.lastWords === null
      ? ""
      : `<p style="margin:8px 0 4px 0;color:#6a6e73">Last words of the tool</p>` +
        `<pre style="margin:0 0 12px 0;padding:8px;background:#f5f5f5;white-space:pre-wrap;font-size:12px">${escapeHtml(item.lastWords)}</pre>`;
  return `<table role="presentation" cellpadding="0" cellspacing="0" style="border-collapse:collapse;margin:0 0 12px 0">${rows}</table>${words}`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
