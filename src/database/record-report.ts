import type { Pool } from "pg";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { Report } from "../contract/report.ts";
import { callProcedure } from "./procedure-errors.ts";

/**
 * Records one report by the procedure record_report: the log, the events, the engine's state and its alerts in one
 * transaction. Recording the same report twice is safe.
 *
 * @returns whether it was new
 * @throws REPORT_INVALID, DATABASE_UNREACHABLE, DATABASE_BUSY
 */
export async function recordReport(pool: Pool, report: Report): Promise<boolean> {
  if (Number.isNaN(report.doneAt.getTime()))
    throw new BackupAwarenessError("REPORT_INVALID", "argument v_done_at: is not a moment");
  return callProcedure("REPORT_INVALID", async () => {
    const { rows } = await pool.query<{ is_new: boolean }>(
      "select backup_awareness.record_report($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as is_new",
      [
        report.scope,
        report.doneAt,
        report.status,
        withoutNul(report.outputMessage),
        report.fqdn,
        report.logPath === null ? null : withoutNul(report.logPath),
        report.runId ?? null,
        report.durationMs === undefined ? null : Math.round(report.durationMs),
        report.sizeBytes ?? null,
        report.archive === undefined ? null : withoutNul(report.archive),
        report.tool === undefined ? null : withoutNul(report.tool),
      ],
    );
    return rows[0]?.is_new ?? false;
  });
}

/** PostgreSQL's text cannot hold U+0000; a tool's output can. It becomes the replacement character. */
function withoutNul(text: string): string {
  return text.replaceAll("\0", "\u{FFFD}");
}
