import type { Pool } from "pg";
import { checkSchedule } from "../../awareness/check-schedule.ts";
import { readCheckRecord } from "../../database/check.ts";
import { readDatabaseStatus } from "../../database/database-status.ts";
import { type Finding, fine, problem, warning } from "./finding.ts";

/** Clocks that differ by more make reports look old, or dated into the future. */
const allowedClockDifferenceMs = 60_000;

/** Whether our own database, already reached, does its part: clock, search_path, the check. */
export async function examineOwnDatabase(pool: Pool, now: () => Date): Promise<readonly Finding[]> {
  const status = await readDatabaseStatus(pool);
  const askedAt = now();
  const record = await readCheckRecord(pool);
  // The answer belongs to the middle of the way there and back.
  const middle = (askedAt.getTime() + now().getTime()) / 2;
  return [
    fine("own database", `PostgreSQL ${status.serverVersion}, database ${status.database}, as ${status.login}`),
    judgeClock(record.now.getTime() - middle),
    ...judgeSearchPath(status),
    judgeCheck(record),
  ];
}

/** `differenceMs`: how far the database's clock is ahead of ours. */
export function judgeClock(differenceMs: number): Finding {
  const seconds = Math.round(Math.abs(differenceMs) / 1000);
  if (Math.abs(differenceMs) <= allowedClockDifferenceMs)
    return fine("own database", "its clock and this host's agree");
  return problem(
    "own database",
    `its clock is ${seconds} s ${differenceMs > 0 ? "ahead of" : "behind"} this host's`,
    "let NTP set both clocks (chronyd, systemd-timesyncd): how old a backup is follows from them",
  );
}

function judgeSearchPath(status: Awaited<ReturnType<typeof readDatabaseStatus>>): readonly Finding[] {
  const appended = `search_path = "$user", public, backup_awareness`;
  const hidden = status.hiddenFromRoles.map((role) =>
    warning(
      "own database",
      `the role ${role} has a search_path of its own, which hides LogEngineBackupEvent from it`,
      `alter role ${role} set ${appended}, or call backup_awareness.LogEngineBackupEvent`,
    ),
  );
  if (status.resolvesUnqualified || hidden.length > 0) return hidden;
  return [
    warning(
      "own database",
      `search_path (${status.searchPath}) hides LogEngineBackupEvent`,
      `alter database ${status.database} set ${appended}, or call backup_awareness.LogEngineBackupEvent`,
    ),
  ];
}

function judgeCheck(record: Awaited<ReturnType<typeof readCheckRecord>>): Finding {
  if (record.periodHours === null) {
    return warning(
      "own database",
      "the feature is disabled: nobody is warned",
      "engine-config --reset=BackupCheckPeriodInHours",
    );
  }
  const { overdue, nextCheckAt } = checkSchedule(record);
  if (!overdue)
    return fine("own database", `the check runs every ${record.periodHours} h; the last was ${tell(record.checkedAt)}`);
  return problem(
    "own database",
    nextCheckAt === null ? "no check has ever run" : `the check is overdue since ${nextCheckAt.toISOString()}`,
    "start the daemon (backup-awareness start) and look at its log",
  );
}

function tell(moment: Date | null): string {
  return moment === null ? "never" : `at ${moment.toISOString()}`;
}
