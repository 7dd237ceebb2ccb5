import { importerKinds, importerNamePattern, isImporterKind, type ImporterKind } from "../contract/importer.ts";
import { scopePattern } from "../contract/scope.ts";
import { nearestWord } from "./nearest-word.ts";
import type { GivenImporter } from "./setting-keys.ts";
import { readAbsolutePath, readFlag, readFqdn, readList, readText, settingError } from "./setting-values.ts";

/** What may stand below `[importers.NAME]`. */
export const importerKeys = [
  "kind",
  "scope",
  "engine",
  "command",
  "path",
  "pattern",
  "min_size_bytes",
  "environment",
  "timezone",
  "every",
  "accept_unknown",
] as const;

type Keys = Readonly<Record<string, unknown>>;

const defaultEveryMs = 3_600_000;
const unitsMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** One importer. `where` is `FILE: importers.NAME`. Throws SETTINGS_INVALID. */
export function readImporter(name: string, keys: Keys, where: string): GivenImporter {
  if (!importerNamePattern.test(name))
    throw settingError(where, name, "is no name of an importer", "letters, digits, '.', '_' and '-', at most 64");
  const kind = readKind(keys["kind"], `${where}.kind`);
  return {
    name,
    kind,
    scope: readScope(keys["scope"], `${where}.scope`),
    fqdn: keys["engine"] === undefined ? null : readFqdn(keys["engine"], `${where}.engine`),
    ...readSource(kind, keys, where),
    pattern: optional(keys["pattern"], (value) => readText(value, `${where}.pattern`, 'as in "*.dump"')) ?? null,
    minimumBytes: readMinimumBytes(keys["min_size_bytes"] ?? 1, `${where}.min_size_bytes`),
    environment: readEnvironment(keys["environment"] ?? {}, `${where}.environment`),
    timeZone: readTimeZone(keys["timezone"], `${where}.timezone`),
    everyMs: optional(keys["every"], (value) => readEvery(value, `${where}.every`)) ?? defaultEveryMs,
    acceptsUnknown: readAcceptUnknown(kind, keys["accept_unknown"] ?? false, `${where}.accept_unknown`),
  };
}

function optional<Result>(value: unknown, read: (value: unknown) => Result): Result | undefined {
  return value === undefined ? undefined : read(value);
}

function readKind(value: unknown, where: string): ImporterKind {
  const kinds = Object.keys(importerKinds);
  const text = readText(value ?? "", where, `one of ${kinds.join(", ")}`);
  if (isImporterKind(text)) return text;
  const near = nearestWord(text, kinds);
  throw settingError(
    where,
    text,
    "is no kind of importer",
    near === null ? `one of ${kinds.join(", ")}` : `did you mean "${near}"?`,
  );
}

function readScope(value: unknown, where: string): string {
  const text = readText(value ?? "", where, 'what it backs up: "db", "files", …');
  if (scopePattern.test(text)) return text;
  throw settingError(where, text, "is no scope", "small letters, digits, _ and -, beginning with a letter, at most 64");
}

function readSource(kind: ImporterKind, keys: Keys, where: string): Pick<GivenImporter, "command" | "path"> {
  const { source, command } = importerKinds[kind];
  const unused = source === "directory" ? "command" : "path";
  if (keys[unused] !== undefined)
    throw settingError(`${where}.${unused}`, keys[unused], `is nothing for ${kind}`, "leave it out");
  if (source === "directory") return { command: null, path: readAbsolutePath(keys["path"] ?? "", `${where}.path`) };
  if (keys["command"] === undefined && command === null)
    throw settingError(where, keys, "names no command", `see docs/tools for the one of ${kind}`);
  return { command: optional(keys["command"], (value) => readCommand(value, `${where}.command`)) ?? null, path: null };
}

/** A list of words, run as it is; or one text, for a shell. */
function readCommand(value: unknown, where: string): readonly string[] {
  const hint = '["restic", "snapshots", "--json"], or one text for a shell';
  if (typeof value === "string") return ["/bin/sh", "-c", readText(value, where, hint)];
  const words = readList(value, where, hint).map((word, i) => readText(word, `${where}[${i}]`, hint));
  if (words.length === 0) throw settingError(where, value, "is empty", hint);
  return words;
}

function readMinimumBytes(value: unknown, where: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  throw settingError(where, value, "is no whole number of bytes", "such as 1000000");
}

function readEnvironment(value: unknown, where: string): Readonly<Record<string, string>> {
  const hint = 'a table of texts, such as { RESTIC_PASSWORD_FILE = "/etc/restic/password" }';
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw settingError(where, value, "is no table", hint);
  return Object.fromEntries(
    Object.entries(value).map(([key, text]) => {
      // It may be a password: it is not shown.
      if (typeof text !== "string" || text.includes("\0"))
        throw settingError(`${where}.${key}`, typeof text, "is no text", hint);
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) throw settingError(where, key, "is no name of a variable", hint);
      return [key, text];
    }),
  );
}

/** UTC for a tool that this program runs itself: it is told so. */
function readTimeZone(value: unknown, where: string): string {
  if (value === undefined) return "UTC";
  const text = readText(value, where, 'such as "Europe/Berlin"');
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw settingError(where, text, "is no time zone", 'such as "Europe/Berlin" or "UTC"');
  }
}

function readEvery(value: unknown, where: string): number {
  const hint = "minutes, hours or days, as 15m, 1h or 1d; at most 24d";
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(readText(value, where, hint)) ?? [];
  const ms = Number(count) * unitsMs[unit as keyof typeof unitsMs];
  if (!(ms >= unitsMs.m && ms <= 24 * unitsMs.d)) throw settingError(where, value, "is no period", hint);
  return ms;
}

function readAcceptUnknown(kind: ImporterKind, value: unknown, where: string): boolean {
  const accepts = readFlag(value, where);
  if (accepts && !importerKinds[kind].mayAcceptUnknown)
    throw settingError(where, value, `is nothing for ${kind}`, "its list tells how each backup ended");
  return accepts;
}
