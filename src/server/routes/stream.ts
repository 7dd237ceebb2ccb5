import type { StreamMessages } from "../../contract/api/event-schemas.ts";
import { alertTypes, type EventType } from "../../contract/event.ts";
import type { EngineState } from "../../contract/state.ts";
import type { Event } from "../../database/events.ts";
import type { EventHub, Listener } from "../api/event-hub.ts";
import type { Handlers } from "../api/handlers.ts";
import { eventItem } from "./events.ts";

/** A line now and then keeps proxies from closing what seems idle. */
const heartbeatMs = 15_000;
/** How often it is asked anew whether the listener may still listen. */
const renewalMs = 30_000;
/** A listener that takes nothing any more is cut off. Bytes. */
const mostBuffered = 1_000_000;

export const streamHandlers = (hub: EventHub) =>
  ({
    "GET /stream": async ({ request, reply, stillAllowed }) => {
      const { raw } = reply;
      const write = (text: string): void => {
        if (raw.writableLength > mostBuffered) raw.destroy();
        else raw.write(text);
      };
      const send = <Name extends keyof StreamMessages>(name: Name, data: StreamMessages[Name], id?: number): void => {
        write(`${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
      };
      const early: (() => void)[] = [];
      let begun = false;
      const whenBegun = (tell: () => void): void => {
        if (begun) tell();
        else early.push(tell);
      };
      const listener: Listener = {
        onEvent: (event) => {
          whenBegun(() => {
            send("event", streamedEvent(event), event.id);
          });
        },
        onDatabase: (isAvailable) => {
          whenBegun(() => {
            send("database", { is_available: isAvailable });
          });
        },
      };
      const missed = await hub.listen(listener, lastEventId(request.headers["last-event-id"]));
      reply.hijack();
      raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      send("hello", { now: new Date().toISOString(), resumed: missed !== null });
      for (const event of missed ?? []) send("event", streamedEvent(event), event.id);
      begun = true;
      for (const tell of early) tell();
      const heartbeat = setInterval(() => {
        write(":\n\n");
      }, heartbeatMs);
      const renewal = setInterval(() => {
        void stillAllowed().then(
          (allowed) => {
            if (!allowed) raw.end();
          },
          // A database that is away refuses nobody.
          () => undefined,
        );
      }, renewalMs);
      raw.once("close", () => {
        clearInterval(heartbeat);
        clearInterval(renewal);
        hub.leave(listener);
      });
      return undefined;
    },
  }) satisfies Partial<Handlers>;

function lastEventId(header: string | readonly string[] | undefined): number | null {
  return typeof header === "string" && /^\d{1,15}$/.test(header) ? Number(header) : null;
}

function streamedEvent(event: Event): StreamMessages["event"] {
  return { ...eventItem(event), engine_state: turnedInto[event.type] ?? null, alert_change: alertChange(event) };
}

const turnedInto: Partial<Record<EventType, EngineState>> = {
  ENGINE_NO_FULL_BACKUP: "no_full_backup",
  ENGINE_NO_WARM_BACKUP: "stale",
  ENGINE_FULL_BACKUP_AVAILABLE: "fresh",
};

function alertChange({ type, alertId }: Event): StreamMessages["event"]["alert_change"] {
  if (alertId === null) return null;
  if ((alertTypes as readonly EventType[]).includes(type)) return "raised";
  if (type === "ENGINE_ALERT_DISMISSED") return "dismissed";
  if (type === "ENGINE_ALERT_RESTORED") return "restored";
  return "cleared";
}
