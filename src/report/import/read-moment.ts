import { listingError } from "./listed-backup.ts";
import { describe, type JsonObject } from "./json-fields.ts";

const isoForm =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$/i;
const ctimeForm = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * A moment as tools write it: ISO 8601 or as ctime() prints it. Where it has no zone it is `timeZone`'s; where the clock showed it twice, the earlier
 * moment is meant: a backup is rather too old than too fresh. Throws IMPORT_FAILED.
 */
export function readMoment(object: JsonObject, key: string, what: string, timeZone: string): Date {
  const value = object[key];
  const moment = typeof value === "string" ? parseMomentText(value, timeZone) : null;
  if (moment === null) throw listingError(`"${key}" of ${what} is ${describe(value)}, not a time`);
  return moment;
}

export function readOptionalMoment(object: JsonObject, key: string, what: string, timeZone: string): Date | null {
  const value = object[key];
  return value === undefined || value === null || value === "" ? null : readMoment(object, key, what, timeZone);
}

/** Seconds since 1970, as a number or a text of digits. Throws IMPORT_FAILED. */
export function readEpoch(object: JsonObject, key: string, what: string): Date {
  const value = object[key];
  const seconds = typeof value === "string" && /^\d{1,11}$/.test(value) ? Number(value) : value;
  const isOne = typeof seconds === "number" && Number.isFinite(seconds) && seconds >= 0 && seconds < 1e11;
  if (!isOne) throw listingError(`"${key}" of ${what} is ${describe(value)}, not a time in seconds`);
  return new Date(Math.floor(seconds * 1000));
}

/** null: it is none. */
export function parseMomentText(text: string, timeZone: string): Date | null {
  const iso = isoForm.exec(text.trim());
  if (iso !== null) {
    const [, year, month, day, hour, minute, second, fraction = "", zone] = iso;
    const milliseconds = Number(fraction.padEnd(3, "0").slice(0, 3));
    const wall = wallClock([year, month, day, hour, minute, second].map(Number), milliseconds);
    if (wall === null) return null;
    if (zone === undefined) return fromWallClock(wall, timeZone);
    const offsetMinutes = readOffset(zone);
    return offsetMinutes === null ? null : new Date(wall - offsetMinutes * 60_000);
  }
  const [, monthName = "", day, hour, minute, second, year] = ctimeForm.exec(text.trim()) ?? [];
  const month = months.indexOf(monthName) + 1;
  const wall = month === 0 ? null : wallClock([year, month, day, hour, minute, second].map(Number), 0);
  return wall === null ? null : fromWallClock(wall, timeZone);
}

/** Milliseconds as if the clock showed UTC; null: there is no such moment. */
function wallClock(parts: readonly number[], milliseconds: number): number | null {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  if (year < 1970) return null;
  // A leap second is the next one's begin.
  const time = Date.UTC(year, month - 1, day, hour, minute, Math.min(second, 59), milliseconds);
  const shown = new Date(time);
  const isReal =
    shown.getUTCMonth() === month - 1 && shown.getUTCDate() === day && hour < 24 && minute < 60 && second <= 60;
  return isReal ? time : null;
}

function readOffset(zone: string): number | null {
  const [, sign, hours, minutes = "0"] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone) ?? [];
  if (sign === undefined) return 0;
  const offset = Number(hours) * 60 + Number(minutes);
  return offset > 18 * 60 ? null : sign === "-" ? -offset : offset;
}

function fromWallClock(wall: number, timeZone: string): Date {
  const dayMs = 86_400_000;
  const offsets = [offsetMs(wall - dayMs, timeZone), offsetMs(wall + dayMs, timeZone)];
  const moments = offsets.map((offset) => wall - offset);
  const fitting = moments.filter((moment, i) => offsetMs(moment, timeZone) === offsets[i]);
  // None fits where the clock leapt over it.
  return new Date(Math.min(...(fitting.length === 0 ? moments : fitting)));
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** Offsets change at quarters of an hour; a list of a hundred thousand times asks for few of them often. */
const knownOffsets = new Map<string, number>();
const quarterMs = 900_000;
const mostKnownOffsets = 10_000;

/** How far the clock of that zone is ahead of UTC at that moment. Throws RangeError where there is no such zone. */
function offsetMs(moment: number, timeZone: string): number {
  if (timeZone === "UTC") return 0;
  const quarter = Math.floor(moment / quarterMs) * quarterMs;
  const key = `${timeZone} ${quarter}`;
  const known = knownOffsets.get(key);
  if (known !== undefined) return known;
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(quarter).map(({ type, value }) => [type, Number(value)]));
  const shown = Date.UTC(
    parts["year"] ?? 0,
    (parts["month"] ?? 1) - 1,
    parts["day"],
    parts["hour"],
    parts["minute"],
    parts["second"],
  );
  if (knownOffsets.size >= mostKnownOffsets) knownOffsets.clear();
  knownOffsets.set(key, shown - quarter);
  return shown - quarter;
}
