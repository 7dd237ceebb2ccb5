import { InvalidArgumentError } from "commander";

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;
const allowed = "a time as 2026-11-23T10:00:00Z, a day (UTC) as 2026-11-23, or an age as 30m, 2h, 3d or 2w";

/**
 * A moment as --since and --until take it: RFC 3339 with its time zone, a day, which begins at midnight UTC, or how long ago.
 * Throws commander's InvalidArgumentError, which is wrong usage.
 */
export function parseMoment(text: string, now: Date): Date {
  const age = /^(\d{1,5})([mhdw])$/.exec(text);
  if (age) return new Date(now.getTime() - Number(age[1]) * unitMs[age[2] as keyof typeof unitMs]);
  const time = /^(\d{4}-\d\d-\d\d)(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d))?$/.exec(text);
  const day = time?.[1];
  if (day === undefined) throw new InvalidArgumentError(`It must be ${allowed}.`);
  const moment = new Date(text.replace(" ", "T").toUpperCase());
  // Date turns 31 February into 3 March.
  if (Number.isNaN(moment.getTime()) || !isDay(day)) throw new InvalidArgumentError("There is no such day or time.");
  return moment;
}

function isDay(day: string): boolean {
  const midnight = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}
