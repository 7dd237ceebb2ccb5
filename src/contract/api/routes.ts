import type { Static, TSchema } from "typebox";
import * as engines from "./engine-schemas.ts";
import * as events from "./event-schemas.ts";
import { optionChange, optionItem, optionList, optionParams } from "./option-schemas.ts";
import type { Permission } from "./permissions.ts";
import { reportAnswer, reportBody } from "./report-schemas.ts";
import { checkAnswer, summary } from "./summary-schemas.ts";
import * as users from "./user-schemas.ts";

/** Below this path are the routes of the table. */
export const apiPath = "/api/v1";

export type Route = {
  readonly permission: Permission;
  /** What it is listed under in the reference. */
  readonly tag: string;
  readonly summary: string;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Of a success. null: nothing is in it (204). */
  readonly answer: TSchema | null;
  /** Of a success; 200, or 204 where there is no answer, unless it says otherwise. */
  readonly status?: number;
  /** What the answer is where it is no JSON. */
  readonly contentType?: string;
};

/**
 * Every route of the API: the server validates by this table, the OpenAPI document is made from it, and the client has its types. A
 * parameter in a path stands in braces.
 */
export const routes = {
  "GET /summary": {
    permission: "read",
    tag: "Overview",
    summary: "How it stands: counts by state, open alerts, the check",
    answer: summary,
  },
  "POST /checks": { permission: "operate", tag: "Overview", summary: "Run the check now", answer: checkAnswer },

  "POST /reports": {
    permission: "report",
    tag: "Reports",
    summary: "Report one backup, or up to 1,000; repeating a report is safe",
    body: reportBody,
    answer: reportAnswer,
  },

  "GET /engines": {
    permission: "read",
    tag: "Engines",
    summary: "Engines, worst first",
    query: engines.engineListQuery,
    answer: engines.engineList,
  },
  "POST /engines/required-scopes": {
    permission: "operate",
    tag: "Engines",
    summary: "Set what a full backup of several engines must cover",
    body: engines.enginesChange,
    answer: engines.enginesChanged,
  },
  "GET /engines/{fqdn}": {
    permission: "read",
    tag: "Engines",
    summary: "One engine",
    params: engines.engineParams,
    answer: engines.engineItem,
  },
  "PUT /engines/{fqdn}": {
    permission: "operate",
    tag: "Engines",
    summary: "Make an engine known, set what a full backup of it must cover, or both",
    params: engines.engineParams,
    body: engines.engineChange,
    answer: engines.engineItem,
  },
  "DELETE /engines/{fqdn}": {
    permission: "administer",
    tag: "Engines",
    summary: "Watch an engine no longer; what was logged of it stays",
    params: engines.engineParams,
    answer: null,
  },
  "GET /engines/{fqdn}/backups": {
    permission: "read",
    tag: "Engines",
    summary: "The backups of an engine, newest first",
    params: engines.engineParams,
    query: engines.backupListQuery,
    answer: engines.backupList,
  },
  "GET /engines/{fqdn}/calendar": {
    permission: "read",
    tag: "Engines",
    summary: "What became of every scope on each of the last days, with durations and sizes",
    params: engines.engineParams,
    query: engines.calendarQuery,
    answer: engines.calendar,
  },

  "GET /events": {
    permission: "read",
    tag: "Events",
    summary: "Events, newest first",
    query: events.eventListQuery,
    answer: events.eventList,
  },
  "GET /events/export": {
    permission: "read",
    tag: "Events",
    summary: "All events that pass the filter, oldest first, as CSV or NDJSON",
    query: events.eventExportQuery,
    answer: null,
    status: 200,
    contentType: "text/csv, application/x-ndjson",
  },
  "GET /stream": {
    permission: "read",
    tag: "Events",
    summary: "What is logged from now on, as server-sent events; goes on after Last-Event-ID",
    answer: null,
    status: 200,
    contentType: "text/event-stream",
  },

  "GET /alerts": {
    permission: "read",
    tag: "Alerts",
    summary: "Open alerts, oldest first",
    query: events.alertListQuery,
    answer: events.alertList,
  },
  "POST /alerts/dismiss": {
    permission: "operate",
    tag: "Alerts",
    summary: "Mark several open alerts as seen",
    body: events.alertsDismissal,
    answer: events.alertsDismissed,
  },
  "POST /alerts/{id}/dismiss": {
    permission: "operate",
    tag: "Alerts",
    summary: "Mark an open alert as seen; it stays open",
    params: events.alertParams,
    body: events.dismissal,
    answer: events.alertItem,
  },
  "DELETE /alerts/{id}/dismiss": {
    permission: "operate",
    tag: "Alerts",
    summary: "Undo that",
    params: events.alertParams,
    answer: events.alertItem,
  },

  "GET /options": { permission: "read", tag: "Options", summary: "Every option", answer: optionList },
  "GET /options/{name}": {
    permission: "read",
    tag: "Options",
    summary: "One option",
    params: optionParams,
    answer: optionItem,
  },
  "PUT /options/{name}": {
    permission: "administer",
    tag: "Options",
    summary: "Set an option, or let it follow its default again; takes effect at once",
    params: optionParams,
    body: optionChange,
    answer: optionItem,
  },

  "GET /session/methods": {
    permission: "public",
    tag: "Session",
    summary: "How one can sign in",
    answer: users.signInMethods,
  },
  "POST /session": {
    permission: "public",
    tag: "Session",
    summary: "Sign in: sets the session's cookie",
    body: users.login,
    answer: users.session,
  },
  "GET /session": { permission: "own_account", tag: "Session", summary: "Who is signed in", answer: users.session },
  "DELETE /session": { permission: "own_account", tag: "Session", summary: "Sign out", answer: null },
  "DELETE /session/all": { permission: "own_account", tag: "Session", summary: "Sign out everywhere", answer: null },
  "POST /session/password-link": {
    permission: "public",
    tag: "Session",
    summary: "Set a password by a one-time link, and sign in",
    body: users.passwordByLink,
    answer: users.session,
  },
  "PUT /session/password": {
    permission: "own_account",
    tag: "Session",
    summary: "Change one's own password; all other sessions end",
    body: users.passwordChange,
    answer: null,
  },
  "POST /session/second-factor": {
    permission: "own_account",
    tag: "Session",
    summary: "Begin with a second factor: a secret for an authenticator",
    body: users.secondFactorBegin,
    answer: users.secondFactorOffer,
  },
  "PUT /session/second-factor": {
    permission: "own_account",
    tag: "Session",
    summary: "Confirm it by a code; from then on it is asked for",
    body: users.secondFactorConfirm,
    answer: users.recoveryCodes,
  },
  "DELETE /session/second-factor": {
    permission: "own_account",
    tag: "Session",
    summary: "Sign in without it again",
    body: users.secondFactorEnd,
    answer: null,
  },

  "GET /users": { permission: "administer", tag: "Users and tokens", summary: "Every user", answer: users.userList },
  "POST /users": {
    permission: "administer",
    tag: "Users and tokens",
    summary: "Add a user; answers a one-time link by which he sets his password",
    body: users.userAdd,
    answer: users.userAdded,
    status: 201,
  },
  "PATCH /users/{name}": {
    permission: "administer",
    tag: "Users and tokens",
    summary: "Change a user's role, disable or enable him, remove his second factor",
    params: users.userParams,
    body: users.userChange,
    answer: users.userItem,
  },
  "POST /users/{name}/password-link": {
    permission: "administer",
    tag: "Users and tokens",
    summary: "A new one-time link by which the user sets a password",
    params: users.userParams,
    answer: users.passwordLink,
  },
  "DELETE /users/{name}/sessions": {
    permission: "administer",
    tag: "Users and tokens",
    summary: "Sign a user out everywhere",
    params: users.userParams,
    answer: null,
  },
  "GET /tokens": {
    permission: "administer",
    tag: "Users and tokens",
    summary: "Every token, without its secret",
    answer: users.tokenList,
  },
  "POST /tokens": {
    permission: "administer",
    tag: "Users and tokens",
    summary: "Make a token; it is shown this once",
    body: users.tokenCreate,
    answer: users.tokenCreated,
    status: 201,
  },
  "DELETE /tokens/{id}": {
    permission: "administer",
    tag: "Users and tokens",
    summary: "Revoke a token",
    params: users.tokenParams,
    answer: null,
  },
} as const satisfies Readonly<Record<string, Route>>;

export type Routes = typeof routes;
export type RouteName = keyof Routes;

type Part<Name extends RouteName, Key extends string> =
  Routes[Name] extends Readonly<Record<Key, infer Schema extends TSchema>> ? Static<Schema> : undefined;

/** What a route takes and gives, as types. undefined: nothing of that kind. */
export type Params<Name extends RouteName> = Part<Name, "params">;
export type Query<Name extends RouteName> = Part<Name, "query">;
export type Body<Name extends RouteName> = Part<Name, "body">;
export type Answer<Name extends RouteName> = Part<Name, "answer">;
