import { InvalidArgumentError } from "commander";
import { isScope } from "../contract/scope.ts";
import type { RequiredScope } from "../database/engines.ts";

/** The longest alert period, as for the option BackupAlertPeriodInDays. */
const longestPeriodDays = 3650;
const daysOf = { d: 1, w: 7 } as const;

/**
 * What --require takes: `db`, whose alert period is the option BackupAlertPeriodInDays, or `db=1d`, `files=2w` with one of its own.
 * Throws commander's InvalidArgumentError, which is wrong usage.
 */
export function parseRequireSpec(text: string): RequiredScope {
  const [, scope = "", period] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  if (!isScope(scope)) {
    throw new InvalidArgumentError(
      `${JSON.stringify(scope)} is not a scope: a lower-case letter, then up to 63 letters, digits, "_" or "-".`,
    );
  }
  if (period === undefined) return { scope, periodDays: null };
  const [, count, unit] = /^(\d{1,6})([dw])$/.exec(period) ?? [];
  const periodDays = Number(count) * daysOf[unit as keyof typeof daysOf];
  if (Number.isNaN(periodDays) || periodDays < 1 || periodDays > longestPeriodDays) {
    throw new InvalidArgumentError(
      `${JSON.stringify(period)} is not a period: whole days or weeks as 1d or 2w, at most ${longestPeriodDays}d.`,
    );
  }
  return { scope, periodDays };
}

/** The same for an option that may be given several times, each scope once. */
export function collectRequireSpecs(
  text: string,
  former: readonly RequiredScope[] | undefined,
): readonly RequiredScope[] {
  const required = parseRequireSpec(text);
  if (former?.some(({ scope }) => scope === required.scope))
    throw new InvalidArgumentError(`The scope ${required.scope} is named twice.`);
  return [...(former ?? []), required];
}

/** `db=1d`, as it was given; weeks are told in days. */
export function formatRequireSpec(required: RequiredScope): string {
  return required.periodDays === null ? required.scope : `${required.scope}=${required.periodDays}d`;
}
