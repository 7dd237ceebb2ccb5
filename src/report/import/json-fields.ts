import { listingError } from "./listed-backup.ts";

/** An entry of a list, with its name for errors. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Throws IMPORT_FAILED where it is none. `what` names it: `an entry of the list`. */
export function readObject(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw listingError(`${what} is ${describe(value)}, not an object`);
}

/** An object, or {} where there is none. */
export function readOptionalObject(object: JsonObject, key: string, what: string): JsonObject {
  const value = object[key];
  return value === undefined || value === null ? {} : readObject(value, `"${key}" of ${what}`);
}

export function readArray(object: JsonObject, key: string, what: string): readonly unknown[] {
  const value = object[key];
  if (Array.isArray(value)) return value as readonly unknown[];
  throw listingError(`"${key}" of ${what} is ${describe(value)}, not a list`);
}

/** A text of at least one character that PostgreSQL can hold. */
export function readText(object: JsonObject, key: string, what: string): string {
  const value = object[key];
  if (typeof value === "string" && value !== "") return storable(value);
  throw listingError(`"${key}" of ${what} is ${describe(value)}, not a text`);
}

export function readOptionalText(object: JsonObject, key: string, what: string): string | null {
  const value = object[key];
  return value === undefined || value === null || value === "" ? null : readText(object, key, what);
}

/** A whole number from 0 on that PostgreSQL's bigint can hold, or null where there is none, or one beyond it. */
export function readCount(object: JsonObject, key: string, what: string): bigint | null {
  const value = object[key];
  if (value === undefined || value === null) return null;
  const number = typeof value === "bigint" ? value : Number.isSafeInteger(value) ? BigInt(value as number) : null;
  if (number === null || number < 0n)
    throw listingError(`"${key}" of ${what} is ${describe(value)}, not a whole number`);
  return number < 2n ** 63n ? number : null;
}

/** A value, short, as JSON. */
export function describe(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Without U+0000 and halves of characters: borg writes bytes that are no UTF-8 so. */
export function storable(text: string): string {
  return text.replaceAll("\0", "\u{FFFD}").toWellFormed();
}
