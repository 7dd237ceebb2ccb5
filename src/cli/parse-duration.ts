import { InvalidArgumentError } from "commander";

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** What a timer of Node holds. */
const longestMs = 24 * unitsMs.d;

/** `45s`, `90m`, `6h`, `1d` in milliseconds. Throws commander's InvalidArgumentError, which is wrong usage. */
export function parseDuration(text: string): number {
  const [, count, unit] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * unitsMs[unit as keyof typeof unitsMs];
  if (Number.isNaN(ms) || ms < 1 || ms > longestMs)
    throw new InvalidArgumentError(
      "It is a whole number of seconds, minutes, hours or days, as 45s, 90m, 6h or 1d; at most 24d.",
    );
  return ms;
}
