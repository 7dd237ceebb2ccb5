import { BackupAwarenessError } from "../contract/errors.ts";

/** Where a page ends, as clients hand it back. Its parts are texts, so that no microsecond is lost on the way. */
export type Cursor = readonly (string | null)[];

export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString("base64url");
}

/**
 * What `encodeCursor` made, of that many parts; the first names the order, since a cursor of one order says nothing in another.
 *
 * @throws REQUEST_INVALID
 */
export function decodeCursor(text: string, order: string, parts: readonly RegExp[]): Cursor {
  const cursor = parse(text);
  const fits =
    Array.isArray(cursor) &&
    cursor.length === parts.length + 1 &&
    cursor[0] === order &&
    parts.every((pattern, index) => {
      const part: unknown = cursor[index + 1];
      return part === null || (typeof part === "string" && pattern.test(part));
    });
  if (!fits)
    throw new BackupAwarenessError("REQUEST_INVALID", "after: is not the `next` of a page of this list in this order", {
      hint: "begin without `after`",
    });
  return cursor.slice(1) as Cursor;
}

/** A timestamptz, a number and a name, as PostgreSQL writes them. */
export const cursorParts = {
  time: /^\d{1,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}( BC)?$/,
  number: /^\d{1,18}$/,
  name: /^[^\0]{1,255}$/u,
} as const;

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString());
  } catch {
    return null;
  }
}
