import { engineHandlers } from "../routes/engines.ts";
import { eventExportHandlers } from "../routes/event-export.ts";
import { eventHandlers } from "../routes/events.ts";
import { summaryHandlers } from "../routes/summary.ts";
import type { ApiContext, Handlers } from "./handlers.ts";

/** What answers each route of the table. */
export function allHandlers(context: ApiContext): Partial<Handlers> {
  return { ...summaryHandlers(context), ...engineHandlers, ...eventHandlers, ...eventExportHandlers };
}
