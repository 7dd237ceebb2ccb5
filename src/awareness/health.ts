import type { CheckRecord } from "../database/check.ts";
import { checkSchedule } from "./check-schedule.ts";

/** What GET /health answers. Keys may be added, none renamed. */
export type Health = {
  readonly status: "ok" | "starting" | "failing" | "stopping";
  /** Why it is not ok; empty when it is. */
  readonly reasons: readonly string[];
  readonly enabled: boolean | null;
  readonly checked_at: string | null;
  readonly next_check_at: string | null;
};

export type HealthInput = {
  readonly phase: "starting" | "running" | "stopping";
  /** null: the database answers. */
  readonly databaseFault: string | null;
  /** null: it could not be read. */
  readonly record: CheckRecord | null;
};

/** Whether database and check are in order. */
export function judgeHealth({ phase, databaseFault, record }: HealthInput): Health {
  const schedule = record === null ? null : checkSchedule(record);
  const reasons = [
    ...(phase === "stopping" ? ["the daemon is stopping"] : []),
    ...(phase === "starting" ? ["the daemon is starting"] : []),
    ...(databaseFault === null ? [] : [`the database does not answer: ${databaseFault}`]),
    ...(schedule?.overdue === true ? [overdueReason(record, schedule.nextCheckAt)] : []),
  ];
  return {
    status: phase === "running" ? (reasons.length === 0 ? "ok" : "failing") : phase,
    reasons,
    enabled: record === null ? null : record.periodHours !== null,
    checked_at: record?.checkedAt?.toISOString() ?? null,
    next_check_at: schedule?.nextCheckAt?.toISOString() ?? null,
  };
}

function overdueReason(record: CheckRecord | null, nextCheckAt: Date | null): string {
  return nextCheckAt === null
    ? `the check is overdue: none has run since ${record?.installedAt.toISOString() ?? "the beginning"}`
    : `the check is overdue: it should have run at ${nextCheckAt.toISOString()}`;
}
