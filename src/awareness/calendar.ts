import type { CalendarDay } from "../contract/api/engine-schemas.ts";
import type { BackupDay } from "../database/backup-list.ts";

const dayMs = 86_400_000;

export type CalendarInput = {
  /** The first of the days, at midnight UTC. */
  readonly from: Date;
  readonly now: Date;
  /** Since when the engine is watched: nothing was missed before. */
  readonly watchedSince: Date;
  /** How old the scope's backup may be; null: it is not required, and nothing of it is missed. */
  readonly periodDays: number | null;
  /** The last success before `from`; null: there was none. */
  readonly formerSuccessAt: Date | null;
  /** Days on which a run ended, oldest first. */
  readonly days: readonly BackupDay[];
};

/** Every day of one scope, from `from` to today. */
export function calendarOfScope(input: CalendarInput): CalendarDay[] {
  const ended = new Map(input.days.map((day) => [day.date, day]));
  const calendar: CalendarDay[] = [];
  let lastSuccessAt = input.formerSuccessAt;
  for (let begin = input.from.getTime(); begin <= input.now.getTime(); begin += dayMs) {
    const date = new Date(begin).toISOString().slice(0, 10);
    const day = ended.get(date);
    lastSuccessAt = day?.lastSuccessAt ?? lastSuccessAt;
    const end = new Date(Math.min(begin + dayMs, input.now.getTime()));
    calendar.push({
      date,
      outcome: outcomeOf(day, isOverdue(input, lastSuccessAt, end)),
      completed: day?.completed ?? 0,
      failed: day?.failed ?? 0,
      duration_ms: day?.durationMs ?? null,
      size_bytes: day?.sizeBytes ?? null,
    });
  }
  return calendar;
}

function outcomeOf(day: BackupDay | undefined, isMissed: boolean): CalendarDay["outcome"] {
  if (day !== undefined && day.completed > 0) return "success";
  if (day !== undefined && day.failed > 0) return "failure";
  return isMissed ? "missed" : "none";
}

/** Whether a required scope was without a fresh backup at that moment. */
function isOverdue({ periodDays, watchedSince }: CalendarInput, lastSuccessAt: Date | null, at: Date): boolean {
  if (periodDays === null || at <= watchedSince) return false;
  return lastSuccessAt === null || at.getTime() > lastSuccessAt.getTime() + periodDays * dayMs;
}
