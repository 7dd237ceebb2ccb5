import { Readable } from "node:stream";
import type { Event } from "../../database/events.ts";
import { exportEvents } from "../../database/event-list.ts";
import type { Handlers } from "../api/handlers.ts";
import { eventFilter, eventItem } from "./events.ts";

const columns = [
  "id",
  "log_time",
  "type",
  "code",
  "severity",
  "fqdn",
  "scope",
  "alert_id",
  "actor",
  "message",
] as const;

export const eventExportHandlers = {
  "GET /events/export": async ({ pool, query, reply }) => {
    const { format, ...filter } = query;
    const batches = exportEvents(pool, eventFilter(filter));
    // The first batch is read before the answer begins, so that what fails at once fails with its status.
    const first = await batches.next();
    const write = format === "csv" ? csvLine : ndjsonLine;
    const day = new Date().toISOString().slice(0, 10);
    async function* text(): AsyncGenerator<string> {
      if (format === "csv") yield `${columns.join(",")}\r\n`;
      if (first.done !== true) yield first.value.map(write).join("");
      for await (const events of batches) yield events.map(write).join("");
    }
    await reply
      .header("content-disposition", `attachment; filename="events-${day}.${format}"`)
      .type(format === "csv" ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson")
      .send(Readable.from(text()));
  },
} satisfies Partial<Handlers>;

function ndjsonLine(event: Event): string {
  return `${JSON.stringify(eventItem(event))}\n`;
}

function csvLine(event: Event): string {
  const item = eventItem(event);
  return `${columns.map((column) => csvField(item[column])).join(",")}\r\n`;
}

/**
 * RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe in front: whoever reports writes what an auditor opens.
 */
function csvField(value: string | number | null): string {
  if (value === null || typeof value === "number") return String(value ?? "");
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
