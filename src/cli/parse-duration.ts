import { InvalidArgumentError } from "commander";

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** What a timer of Node holds. */
const longestMs = 24 * unitsMs.d;
/** What the options allow as an alert period. */
const longestAgeMs = 3650 * unitsMs.d;

/** `45s`, `90m`, `6h`, `1d` in milliseconds. Throws commander's InvalidArgumentError, which is wrong usage. */
export function parseDuration(text: string): number {
  return parse(text, longestMs, "24d");
}

/** The same for an age, which no timer waits for. */
export function parseAgeLimit(text: string): number {
  return parse(text, longestAgeMs, "3650d");
}

function parse(text: string, mostMs: number, most: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * unitsMs[unit as keyof typeof unitsMs];
  if (Number.isNaN(ms) || ms < 1 || ms > mostMs)
    throw new InvalidArgumentError(
      `It is a whole number of seconds, minutes, hours or days, as 45s, 90m, 6h or 1d; at most ${most}.`,
    );
  return ms;
}
