import { Type, type Static } from "typebox";
import { alertTypes, type EventType, eventTypes, type Severity, severities } from "../event.ts";
import { engineStates } from "../state.ts";
import {
  cappedCount,
  fqdn,
  id,
  nullable,
  object,
  oneOrMore,
  page,
  pageQuery,
  scope,
  timestamp,
  words,
} from "./fields.ts";

const typeNames = Object.keys(eventTypes) as EventType[];
const severityNames = Object.keys(severities) as Severity[];

export const eventItem = object({
  id: id("the event's number"),
  log_time: timestamp("when it was logged"),
  type: words(typeNames),
  code: Type.Integer(),
  severity: words(severityNames),
  fqdn: nullable(Type.String()),
  scope: nullable(Type.String()),
  alert_id: nullable(Type.Integer({ description: "the alert that it raised, cleared or dismissed" })),
  actor: nullable(Type.String({ description: "who did it, where somebody did" })),
  message: Type.String(),
});
export type EventItem = Static<typeof eventItem>;

export const eventFilter = {
  type: Type.Optional(oneOrMore(typeNames, "only these")),
  severity: Type.Optional(words(severityNames, "this one and those that are worse")),
  fqdn: Type.Optional(fqdn),
  scope: Type.Optional(scope),
  since: Type.Optional(timestamp("logged at this moment or later")),
  until: Type.Optional(timestamp("logged at this moment or earlier")),
  text: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: "a part of the message, whatever its case" }),
  ),
};

export const eventListQuery = object({ ...eventFilter, ...pageQuery });
/** Newest first. */
export const eventList = object({
  ...page(eventItem).properties,
  searched_to: nullable(
    timestamp(
      "how far back this page has looked: a rare scope or text is searched for piece by piece, so that a page may hold few items, or none, and still have a next",
    ),
  ),
});

export const exportFormats = ["csv", "ndjson"] as const;
export const eventExportQuery = object({ ...eventFilter, format: words(exportFormats) });

export const alertItem = object({
  id: id("the alert's number"),
  type: words(alertTypes),
  fqdn: Type.String(),
  scope: nullable(Type.String({ description: "null: it is about the engine as a whole" })),
  raised_at: timestamp("when it was raised"),
  cleared_at: nullable(timestamp("when its cause was gone; null: it is open")),
  dismissed_at: nullable(timestamp("when it was marked as seen")),
  dismissed_by: nullable(Type.String()),
  dismissal_note: nullable(Type.String()),
  message: nullable(Type.String({ description: "what it says now; null once it is cleared" })),
});
export type AlertItem = Static<typeof alertItem>;

export const alertListQuery = object({
  dismissed: Type.Optional(
    Type.Boolean({ description: "false: only those that nobody has dismissed; true: only those that somebody has" }),
  ),
  type: Type.Optional(oneOrMore(alertTypes, "only these")),
  fqdn: Type.Optional(fqdn),
  ...pageQuery,
});
/** Open alerts, oldest first. */
export const alertList = object({
  ...page(alertItem).properties,
  open: object({ ...cappedCount.properties }, "all that are open and not dismissed, whatever the filter"),
});

export const alertParams = object({ id: id("the alert's number") });
export const dismissal = object({
  note: Type.Optional(nullable(Type.String({ maxLength: 1000, description: "why; it stands in the event" }))),
});

export const alertsDismissal = object({
  ids: Type.Array(id("the alert's number"), { minItems: 1, maxItems: 1000, uniqueItems: true }),
  note: Type.Optional(nullable(Type.String({ maxLength: 1000 }))),
});
export const alertsDismissed = object({
  dismissed: Type.Array(Type.Integer()),
  unknown: Type.Array(Type.Integer({ description: "not open, or never was" })),
});

/** What GET /stream sends: the name of the message, and what its data holds. */
export const streamMessages = {
  /** First of all, and after every reconnection. */
  hello: object({
    now: timestamp("the server's clock"),
    resumed: Type.Boolean({
      description:
        "true: what was missed since Last-Event-ID follows, each event once; false: read again what you show, then go on from here",
    }),
  }),
  /** Something was logged: an event, and with it whatever changed in an engine's state or in an alert. Its id is the message's. */
  event: object({
    ...eventItem.properties,
    engine_state: nullable(words(engineStates, "the state into which its engine turned, where it turned")),
    alert_change: nullable(words(["raised", "cleared", "dismissed", "restored"], "what became of the alert alert_id")),
  }),
  /** The database went away, or is back. */
  database: object({ is_available: Type.Boolean() }),
} as const;
export type StreamMessages = { readonly [Name in keyof typeof streamMessages]: Static<(typeof streamMessages)[Name]> };
