import type { EventType, Severity } from "../contract/event.ts";
import { eventTypes, severities } from "../contract/event.ts";
import type { MessageKind } from "../contract/notification.ts";
import { printable } from "../contract/printable.ts";
import type { ScopeStatus } from "../contract/state.ts";
import { tellAge, tellMoment, tellMomentAndAge } from "../contract/tell-time.ts";

/** What a channel tells, in words that all channels share; each only lays them out. */
export type Message = {
  readonly kind: MessageKind;
  /** Of the worst that it tells of. */
  readonly severity: Severity;
  /** One line: what is the matter, and with whom. */
  readonly title: string;
  /** What is told, the earliest first; not all of it where there is too much. */
  readonly items: readonly MessageItem[];
  /** How many more there are. */
  readonly omitted: number;
  /** What to do next; null: nothing has to be done. */
  readonly nextStep: string | null;
  /** Where to look; null: no public_url is set. */
  readonly link: string | null;
  /** The host that sends. */
  readonly hostFqdn: string;
  /** Names this message among all others of this database. */
  readonly id: string;
  /** The same for everything that is told of the same alerts; null: it is about no alert. */
  readonly incident: string | null;
  readonly sentAt: Date;
};

export type MessageItem = {
  readonly type: EventType;
  readonly severity: Severity;
  readonly engine: string | null;
  readonly scope: string | null;
  readonly alertId: number | null;
  /** When the alert was raised, or the event happened. */
  readonly at: Date;
  readonly clearedAt: Date | null;
  /** One line that stands for itself in a list. */
  readonly line: string;
  /** What is known, in the order in which it matters: only where few are told. */
  readonly facts: readonly Fact[];
  /** The last words of the tool that failed. */
  readonly lastWords: string | null;
};

export type Fact = { readonly label: string; readonly value: string };

/** One thing to tell. */
export type Told = {
  readonly type: EventType;
  readonly severity: Severity;
  readonly fqdn: string | null;
  readonly scope: string | null;
  readonly alertId: number | null;
  readonly at: Date;
  readonly clearedAt: Date | null;
  readonly text: string;
};

/** What is known of an engine beside its alerts. */
export type EngineFacts = {
  readonly fullBackupAt: Date | null;
  readonly requiredScopes: readonly string[];
  readonly scopes: ReadonlyMap<string, ScopeStatus>;
};

export type MessageInput = {
  readonly kind: Exclude<MessageKind, "test">;
  readonly told: readonly Told[];
  /** How many there are in all. */
  readonly total: number;
  /** How many of each type. */
  readonly counts: ReadonlyMap<EventType, number>;
  /** Of those engines that are few enough to be told about at length. */
  readonly engines: ReadonlyMap<string, EngineFacts>;
  readonly now: Date;
  readonly publicUrl: string | null;
  readonly hostFqdn: string;
  readonly id: string;
  readonly incident: string | null;
};

/** At most so many are told with all that is known of them. */
export const tellsAtLength = 5;
const longestLastWords = 1_500;

/** What an event of a type is called in a title, alone and by number; the others are called by their type's name. */
const names: Partial<Record<EventType, { readonly one: string; readonly many: (count: string, s: string) => string }>> =
  {
    ENGINE_NO_FULL_BACKUP: { one: "no full backup", many: (count, s) => `${count} engine${s} without a full backup` },
    ENGINE_NO_WARM_BACKUP: { one: "backup too old", many: (count, s) => `${count} engine${s} with a backup too old` },
    ENGINE_BACKUP_STALLED: { one: "backup stalled", many: (count, s) => `${count} stalled backup${s}` },
    ENGINE_BACKUP_FAILED: { one: "backup failed", many: (count, s) => `${count} failed backup${s}` },
    ENGINE_BACKUP_INCOMPLETE: { one: "backup incomplete", many: (count, s) => `${count} incomplete backup${s}` },
    ENGINE_BACKUP_OUTCOME_UNKNOWN: {
      one: "backup ended, outcome unknown",
      many: (count, s) => `${count} backup${s} of unknown outcome`,
    },
    ENGINE_BACKUP_STARTED: { one: "backup started", many: (count, s) => `${count} started backup${s}` },
    ENGINE_BACKUP_COMPLETED: { one: "backup completed", many: (count, s) => `${count} completed backup${s}` },
    ENGINE_FULL_BACKUP_AVAILABLE: {
      one: "full and fresh backup",
      many: (count, s) => `${count} engine${s} with a full and fresh backup`,
    },
    CHANNEL_FAILING: { one: "notification channel fails", many: (count, s) => `${count} failing channel${s}` },
  };

/** What an administrator needs to know, in words. Pure: the same input gives the same message. */
export function composeMessage(input: MessageInput): Message {
  const { kind, told, total, now } = input;
  const atLength = total <= tellsAtLength;
  return {
    kind,
    severity: kind === "cleared" ? "normal" : worst(told),
    title: titleOf(input),
    items: told.map((each) => ({
      type: each.type,
      severity: each.severity,
      engine: each.fqdn,
      scope: each.scope,
      alertId: each.alertId,
      at: each.at,
      clearedAt: each.clearedAt,
      line: lineOf(each, kind, now),
      ...(atLength ? detailsOf(each, input) : { facts: [], lastWords: null }),
    })),
    omitted: total - told.length,
    nextStep: kind === "cleared" ? null : nextStepOf(told, total),
    link: linkOf(input),
    hostFqdn: input.hostFqdn,
    id: input.id,
    incident: input.incident,
    sentAt: now,
  };
}

/** What is sent to see whether a channel works. */
export function testMessage(
  input: Pick<MessageInput, "now" | "publicUrl" | "hostFqdn" | "id">,
  channel: string,
): Message {
  return {
    kind: "test",
    severity: "normal",
    title: `Test of channel ${channel}`,
    items: [],
    omitted: 0,
    nextStep: `This is a test: ${input.hostFqdn} can reach you through channel ${channel}. Nothing has to be done.`,
    link: input.publicUrl,
    hostFqdn: input.hostFqdn,
    id: input.id,
    incident: null,
    sentAt: input.now,
  };
}

function titleOf({ kind, told, total, counts }: MessageInput): string {
  const prefix = kind === "cleared" ? "Resolved: " : kind === "reminder" ? "Still open: " : "";
  const [first] = told;
  if (first === undefined) return `${prefix}${total} events`;
  if (total === 1) return `${prefix}${prefix === "" ? capital(nameOf(first)) : nameOf(first)}: ${subjectOf(first)}`;
  const parts = [...counts].toSorted(([, a], [, b]) => b - a).map(([type, count]) => manyOf(type, count));
  return parts.length === 1
    ? `${prefix}${parts.join("")}`
    : `${prefix}${total} ${kind === "event" ? "events" : "alerts"}: ${parts.join(", ")}`;
}

/** The kind of event with its scope: `backup of db failed`. */
function nameOf({ type, scope }: Told): string {
  const name = names[type]?.one ?? typeInWords(type);
  return scope !== null && name.startsWith("backup ") ? `backup of ${printable(scope)} ${name.slice(7)}` : name;
}

function manyOf(type: EventType, count: number): string {
  return names[type]?.many(String(count), count === 1 ? "" : "s") ?? `${count} × ${typeInWords(type)}`;
}

function subjectOf(told: Told): string {
  if (told.type === "CHANNEL_FAILING") return printable(told.scope ?? "");
  return told.fqdn === null ? "Backup Awareness" : printable(told.fqdn);
}

function lineOf(told: Told, kind: MessageKind, now: Date): string {
  const since =
    kind === "cleared"
      ? `open from ${tellMoment(told.at)}${told.clearedAt === null ? "" : ` to ${tellMoment(told.clearedAt)}`}`
      : told.alertId === null
        ? tellMoment(told.at)
        : `since ${tellMoment(told.at)} (${tellAge(told.at, now)})`;
  return `${subjectOf(told)}: ${nameOf(told)}, ${since}`;
}

function detailsOf(told: Told, { kind, engines, now }: MessageInput): Pick<MessageItem, "facts" | "lastWords"> {
  const engine = told.fqdn === null || told.type === "CHANNEL_FAILING" ? undefined : engines.get(told.fqdn);
  const status = told.scope === null ? undefined : engine?.scopes.get(told.scope);
  const facts: Fact[] = [];
  if (told.fqdn !== null && told.type !== "CHANNEL_FAILING")
    facts.push({ label: "Engine", value: printable(told.fqdn) });
  if (told.scope !== null)
    facts.push({ label: told.type === "CHANNEL_FAILING" ? "Channel" : "Scope", value: printable(told.scope) });
  facts.push({ label: told.alertId === null ? "When" : "Since", value: moment(told.at, now) });
  if (told.clearedAt !== null && kind === "cleared") facts.push({ label: "Until", value: moment(told.clearedAt, now) });
  if (engine !== undefined) {
    const full = engine.fullBackupAt;
    facts.push({ label: "Last full backup", value: full === null ? "never" : moment(full, now) });
    const shown = told.scope === null ? engine.requiredScopes : [told.scope];
    for (const scope of shown) {
      const at = engine.scopes.get(scope)?.last_success_at ?? null;
      facts.push({ label: `Last good ${printable(scope)}`, value: at === null ? "never" : moment(new Date(at), now) });
    }
  }
  if (status?.running_since != null && told.type === "ENGINE_BACKUP_STALLED")
    facts.push({ label: "Started", value: moment(new Date(status.running_since), now) });
  if (kind !== "cleared") facts.push({ label: "What", value: withoutTail(printable(told.text).trim()) });
  return { facts, lastWords: kind === "cleared" ? null : lastWordsOf(told, engine) };
}

/** What the tool said when it failed last, of the event's scope or else of a scope that failed after its last success. */
function lastWordsOf(told: Told, engine: EngineFacts | undefined): string | null {
  if (engine === undefined) return null;
  const scopes = told.scope === null ? engine.requiredScopes : [told.scope];
  const said = scopes.flatMap((scope) => {
    const status = engine.scopes.get(scope);
    if (status?.last_failure_message == null || status.last_failure_at === null) return [];
    if (status.last_success_at !== null && status.last_success_at > status.last_failure_at) return [];
    const words = printable(status.last_failure_message).trim();
    if (words === "") return [];
    // A tool gives its reason at the end.
    const end = words.length > longestLastWords ? `[...] ${words.slice(-longestLastWords)}` : words;
    return [scopes.length > 1 ? `${printable(scope)}: ${end}` : end];
  });
  return said.length === 0 ? null : said.join("\n");
}

/** The tool's output stands below by itself. */
function withoutTail(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length > 600 ? `${line.slice(0, 600)}…` : line;
}

function nextStepOf(told: readonly Told[], total: number): string | null {
  const [first] = told;
  if (first === undefined) return null;
  const types = new Set(told.map(({ type }) => type));
  if (types.size > 1 || total > tellsAtLength)
    return told.some(({ severity }) => severity !== "normal") ? "See who is concerned: backup-awareness status" : null;
  const engine = first.fqdn === null ? "" : printable(first.fqdn);
  switch (first.type) {
    case "ENGINE_NO_FULL_BACKUP":
    case "ENGINE_NO_WARM_BACKUP":
      return total === 1
        ? `Run engine-backup on ${engine}, or its own backup tool and report it; this goes by itself once every required scope has a fresh backup.`
        : "Run engine-backup on each of them, or their own backup tools and report it; this goes by itself once every required scope has a fresh backup.";
    case "ENGINE_BACKUP_STALLED":
      return "Look whether the backup still runs. If it does not, run it again; if it needs that long, raise BackupStalledAfterHours with engine-config.";
    case "ENGINE_BACKUP_FAILED":
    case "ENGINE_BACKUP_INCOMPLETE":
      return "Correct what the tool complains of, and run it again: until then the last good backup grows older.";
    case "ENGINE_BACKUP_OUTCOME_UNKNOWN":
      return "Look whether the archive is there and whole; if in doubt, run the backup again.";
    case "CHANNEL_FAILING":
      return `Correct the channel, then: backup-awareness channel test ${first.scope ?? ""}`.trimEnd();
    default:
      return null;
  }
}

function linkOf({ publicUrl, told, total }: MessageInput): string | null {
  if (publicUrl === null) return null;
  const engine = total === 1 ? told[0]?.fqdn : undefined;
  const base = publicUrl.replace(/\/+$/, "");
  return engine == null ? `${base}/` : `${base}/engines/${encodeURIComponent(engine)}`;
}

function worst(told: readonly Told[]): Severity {
  return told.reduce<Severity>(
    (former, { severity }) => (severities[severity] > severities[former] ? severity : former),
    "normal",
  );
}

/** What is known of the first thing told, by label: for services that show fields. */
export function factsAsObject({ items }: Message): Record<string, string> {
  const [first] = items;
  if (first === undefined) return {};
  const words = first.lastWords === null ? {} : { "Last words of the tool": first.lastWords };
  return { ...Object.fromEntries(first.facts.map(({ label, value }) => [label, value])), ...words };
}

/** Codes are stable; names are for people. */
export function eventCode(type: EventType): number {
  // An event of a later version may stand in a database that several programs use.
  return (eventTypes as Partial<Record<string, { code: number }>>)[type]?.code ?? 0;
}

function typeInWords(type: EventType): string {
  return type.toLowerCase().replaceAll("_", " ");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function moment(at: Date, now: Date): string {
  return tellMomentAndAge(at, now);
}
