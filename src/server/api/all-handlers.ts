import { engineHandlers } from "../routes/engines.ts";
import { eventExportHandlers } from "../routes/event-export.ts";
import { eventHandlers } from "../routes/events.ts";
import { optionHandlers } from "../routes/options.ts";
import { reportHandlers } from "../routes/reports.ts";
import { sessionHandlers } from "../routes/session.ts";
import { streamHandlers } from "../routes/stream.ts";
import { summaryHandlers } from "../routes/summary.ts";
import { tokenHandlers } from "../routes/tokens.ts";
import { userHandlers } from "../routes/users.ts";
import type { EventHub } from "./event-hub.ts";
import type { ApiContext, Handlers } from "./handlers.ts";

/** What answers each route of the table. */
export function allHandlers(context: ApiContext, hub: EventHub): Handlers {
  return {
    ...summaryHandlers(context),
    ...reportHandlers,
    ...engineHandlers,
    ...eventHandlers,
    ...eventExportHandlers,
    ...streamHandlers(hub),
    ...optionHandlers,
    ...tokenHandlers,
    ...sessionHandlers(context),
    ...userHandlers(context),
  };
}
