import type { CheckRecord } from "../database/check.ts";

/** A check counts as overdue when it is later than this: a restart, a long queue or a busy machine are no news. */
const checkGraceMs = 10 * 60_000;

export type CheckSchedule = {
  /** null: the feature is disabled, or no check has run yet. */
  readonly nextCheckAt: Date | null;
  readonly overdue: boolean;
};

/** When the next check is due, and whether it should have run already. */
export function checkSchedule(
  record: Pick<CheckRecord, "installedAt" | "checkedAt" | "periodHours" | "now">,
): CheckSchedule {
  if (record.periodHours === null) return { nextCheckAt: null, overdue: false };
  if (record.checkedAt === null) {
    return { nextCheckAt: null, overdue: record.now.getTime() > record.installedAt.getTime() + checkGraceMs };
  }
  const nextCheckAt = new Date(record.checkedAt.getTime() + record.periodHours * 3_600_000);
  // A check that lies ahead was timed by a clock that has been set back since: the next one waits until then.
  const isAhead = record.checkedAt.getTime() > record.now.getTime() + checkGraceMs;
  return { nextCheckAt, overdue: isAhead || record.now.getTime() > nextCheckAt.getTime() + checkGraceMs };
}
