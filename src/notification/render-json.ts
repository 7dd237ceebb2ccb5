import { eventCode, type Message } from "./message.ts";
import { renderText } from "./render-text.ts";

/** The message as data, for programs: what a webhook posts and a local command reads. Keys may be added, none renamed. */
export function messageAsJson(message: Message) {
  return {
    id: message.id,
    kind: message.kind,
    severity: message.severity,
    title: message.title,
    text: renderText(message),
    incident: message.incident,
    sent_at: message.sentAt.toISOString(),
    sent_by: message.hostFqdn,
    link: message.link,
    next_step: message.nextStep,
    total: message.items.length + message.omitted,
    events: message.items.map((item) => ({
      type: item.type,
      code: eventCode(item.type),
      severity: item.severity,
      engine: item.engine,
      scope: item.scope,
      alert_id: item.alertId,
      at: item.at.toISOString(),
      cleared_at: item.clearedAt?.toISOString() ?? null,
      line: item.line,
      last_words: item.lastWords,
    })),
  };
}
