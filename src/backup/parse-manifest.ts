import { damaged } from "./archive-reader/archive-error.ts";
import type { Manifest, ManifestScope } from "./manifest.ts";

/** What `./manifest.json` says, checked from top to bottom; keys that are not known are passed over. Throws ARCHIVE_DAMAGED, naming the key. */
export function parseManifest(text: string): Manifest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw damaged("its manifest is no JSON");
  }
  const manifest = new Reading(parsed, "manifest");
  const version = manifest.number("manifestVersion");
  if (version !== 1) throw damaged(`its manifest is of version ${version}, which only a newer engine-backup reads`);
  const program = manifest.object("program");
  return {
    manifestVersion: 1,
    program: { name: "engine-backup", version: program.text("version") },
    fqdn: manifest.text("fqdn"),
    runId: manifest.text("runId"),
    startedAt: manifest.time("startedAt"),
    askedScopes: manifest.texts("askedScopes"),
    scopes: Object.fromEntries(manifest.object("scopes").entries((scope) => readScope(scope))),
    warnings: manifest.texts("warnings"),
  };
}

function readScope(scope: Reading): ManifestScope {
  const kind = scope.text("kind");
  if (kind !== "database" && kind !== "files") throw damaged(`its manifest names a scope of kind "${kind}"`);
  const common = {
    kind,
    member: scope.text("member"),
    startedAt: scope.time("startedAt"),
    endedAt: scope.time("endedAt"),
    sizeBytes: scope.number("sizeBytes"),
    sha256: scope.text("sha256"),
    tool: scope.text("tool"),
    warnings: scope.texts("warnings"),
  } as const;
  if (kind === "files") {
    const files = scope.object("files");
    return {
      ...common,
      files: { paths: files.texts("paths"), exclude: files.texts("exclude"), leftOut: files.texts("leftOut") },
    };
  }
  const database = scope.object("database");
  return {
    ...common,
    database: {
      name: database.text("name"),
      serverVersion: database.text("serverVersion"),
      excludedTables: database.texts("excludedTables"),
      excludedTableData: database.texts("excludedTableData"),
      rowCounts: database.isNull("rowCounts") ? null : database.object("rowCounts").numbersByKey(),
      largeObjects: database.isNull("largeObjects") ? null : database.number("largeObjects"),
      schema: database.isNull("schema") ? null : readSchema(database.object("schema")),
    },
  };
}

function readSchema(schema: Reading): NonNullable<NonNullable<ManifestScope["database"]>["schema"]> {
  return {
    serverMajor: schema.number("serverMajor"),
    fingerprint: schema.text("fingerprint"),
    objects: schema.object("objects").textsByKey(),
  };
}

/** One object of the manifest, with its place in it for messages. */
class Reading {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #place: string;

  constructor(value: unknown, place: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(place, "an object");
    this.#value = value as Record<string, unknown>;
    this.#place = place;
  }

  isNull(key: string): boolean {
    return (this.#value[key] ?? null) === null;
  }

  object(key: string): Reading {
    return new Reading(this.#value[key], `${this.#place}.${key}`);
  }

  text(key: string): string {
    const value = this.#value[key];
    if (typeof value !== "string") throw wrong(`${this.#place}.${key}`, "a text");
    return value;
  }

  texts(key: string): string[] {
    const value = this.#value[key];
    if (!Array.isArray(value) || !value.every((each): each is string => typeof each === "string"))
      throw wrong(`${this.#place}.${key}`, "a list of texts");
    return value;
  }

  number(key: string): number {
    const value = this.#value[key];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      throw wrong(`${this.#place}.${key}`, "a whole number");
    return value;
  }

  time(key: string): string {
    const text = this.text(key);
    if (Number.isNaN(Date.parse(text))) throw wrong(`${this.#place}.${key}`, "a time");
    return text;
  }

  entries<Result>(read: (value: Reading) => Result): [string, Result][] {
    return Object.keys(this.#value).map((key) => [key, read(this.object(key))]);
  }

  textsByKey(): Record<string, string> {
    return Object.fromEntries(Object.keys(this.#value).map((key) => [key, this.text(key)]));
  }

  numbersByKey(): Record<string, number | null> {
    return Object.fromEntries(Object.keys(this.#value).map((key) => [key, this.isNull(key) ? null : this.number(key)]));
  }
}

function wrong(place: string, expected: string): Error {
  return damaged(`its ${place} is not ${expected}`);
}
