import { Type, type Static } from "typebox";
import { alertTypes } from "../event.ts";
import { engineStates } from "../state.ts";
import { fqdn, id, nullable, object, oneOrMore, page, pageQuery, scope, timestamp, words } from "./fields.ts";

export const requiredScope = object({
  scope,
  period_days: nullable(
    Type.Integer({
      minimum: 1,
      maximum: 3650,
      description: "how old its backup may be; null: the option BackupAlertPeriodInDays",
    }),
  ),
});

/** What one scope is by itself; `optional`: a full backup does not need it. */
export const scopeStates = ["never_backed_up", "stale", "fresh", "optional"] as const;

export const scopeItem = object({
  scope: Type.String(),
  state: words(scopeStates, "why the engine is in its state: it is fresh when every required scope is"),
  is_required: Type.Boolean(),
  period_days: nullable(
    Type.Integer({ description: "what holds for this scope, its own or the option's; null: it is not required" }),
  ),
  has_own_period: Type.Boolean({ description: "false: the option BackupAlertPeriodInDays" }),
  stale_at: nullable(timestamp("when it goes, or went, stale; null: never backed up, or not required")),
  last_success_at: nullable(timestamp("effective time of the last success")),
  last_failure_at: nullable(timestamp("effective time of the last failure")),
  last_failure_message: nullable(Type.String({ description: "what the tool said; at most 2,000 characters of it" })),
  last_duration_ms: nullable(Type.Integer({ description: "of the last success" })),
  last_size_bytes: nullable(Type.Integer({ description: "of the last success" })),
  last_archive: nullable(Type.String({ description: "of the last success: path or name of what was written" })),
  running_since: nullable(timestamp("start of the oldest run that has not ended")),
  stalled: Type.Boolean(),
});

const alertOfEngine = object({
  id: id("the alert's number"),
  type: words(alertTypes),
  scope: nullable(Type.String()),
  raised_at: timestamp("when it was raised"),
  dismissed_at: nullable(timestamp("when an administrator marked it as seen")),
});

export const engineItem = object({
  fqdn: Type.String(),
  state: words(engineStates),
  since: timestamp("since when it is in that state"),
  full_backup_at: nullable(
    timestamp("the oldest of the last successes of its required scopes; null: there is no full backup"),
  ),
  stale_at: nullable(timestamp("when it goes, or went, stale")),
  has_own_scopes: Type.Boolean({ description: "false: what is required is the option BackupFullScopes" }),
  scopes: Type.Array(scopeItem, { description: "the required ones and all that were ever reported, by name" }),
  alerts: Type.Array(alertOfEngine, { description: "those that are open, dismissed or not" }),
});
export type EngineItem = Static<typeof engineItem>;
export type ScopeItem = Static<typeof scopeItem>;

export const engineSorts = ["name", "-name", "age", "-age", "state", "-state"] as const;

export const engineListQuery = object({
  state: Type.Optional(oneOrMore(engineStates, "only engines in one of these states")),
  scope: Type.Optional(scope),
  text: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: "a part of the name" })),
  sort: Type.Optional(
    words(
      engineSorts,
      "name; age: of the full backup, none at all first, then the oldest; state: worst first, then by the moment at which each goes stale. With a minus: the other way round. Default: state",
    ),
  ),
  ...pageQuery,
});
export const engineList = page(engineItem);

export const engineParams = object({ fqdn });

/** PUT: what a full backup must cover. An empty list: the option BackupFullScopes. */
export const engineChange = object({
  required_scopes: Type.Optional(
    Type.Array(requiredScope, {
      maxItems: 100,
      description: "what a full backup must cover; an empty list: the option BackupFullScopes; absent: as it is",
    }),
  ),
});

/** Many engines at once: what the list's checkboxes are for. */
export const enginesChange = object({
  fqdns: Type.Array(fqdn, { minItems: 1, maxItems: 1000 }),
  required_scopes: Type.Array(requiredScope, { maxItems: 100 }),
});
export const enginesChanged = object({
  changed: Type.Array(Type.String()),
  unknown: Type.Array(Type.String({ description: "there is no such engine" })),
});

export const backupOutcomes = ["running", "completed", "failed", "incomplete", "unknown", "abandoned"] as const;

export const backupItem = object({
  id: id("the backup's number"),
  scope: Type.String(),
  outcome: words(backupOutcomes, "abandoned: its end was never reported, and a later run of the scope ended"),
  started_at: nullable(timestamp("as the started report gave it")),
  done_at: nullable(timestamp("as the report of its end gave it; null: it has not ended")),
  effective_at: timestamp(
    "what counts: done_at or the moment of receipt, whichever is earlier; of the start while it runs",
  ),
  received_at: timestamp("when the last report of it came"),
  duration_ms: nullable(Type.Integer()),
  size_bytes: nullable(Type.Integer()),
  archive: nullable(Type.String()),
  tool: nullable(Type.String()),
  run_id: nullable(Type.String()),
  log_path: nullable(Type.String()),
  output_message: nullable(
    Type.String({ description: "the whole of what the tool said; of a failure, the end of its errors" }),
  ),
});
export type BackupItem = Static<typeof backupItem>;

export const backupListQuery = object({
  scope: Type.Optional(scope),
  outcome: Type.Optional(oneOrMore(backupOutcomes, "only these")),
  ...pageQuery,
});
export const backupList = page(backupItem);

/** success: at least one backup completed; missed: none did, and the scope was overdue at the end of the day (today: now). */
export const dayOutcomes = ["success", "failure", "missed", "none"] as const;

export const calendarDay = object({
  date: Type.String({ format: "date", description: "a day of UTC" }),
  outcome: words(
    dayOutcomes,
    "success: a backup completed; failure: one ended otherwise and none completed; missed: none ended and the scope was without a fresh backup when the day ended; none: nothing was due",
  ),
  completed: Type.Integer(),
  failed: Type.Integer({ description: "failed, incomplete, unknown or abandoned" }),
  duration_ms: nullable(Type.Integer({ description: "the longest of the completed ones" })),
  size_bytes: nullable(Type.Integer({ description: "of the last completed one" })),
});
export type CalendarDay = Static<typeof calendarDay>;

export const calendarQuery = object({
  days: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 366, default: 90, description: "how many days, today included" }),
  ),
});
export const calendar = object({
  fqdn: Type.String(),
  scopes: Type.Array(
    object({
      scope: Type.String(),
      is_required: Type.Boolean(),
      days: Type.Array(calendarDay, { description: "oldest first, one for every day" }),
    }),
  ),
});
export type Calendar = Static<typeof calendar>;
