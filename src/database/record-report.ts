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
    try {
      return await callRecordReport(pool, report, withoutNul);
    } catch (error) {
      // The database's encoding is not UTF8 and lacks a character: the report counts for more than its wording.
      if (error instanceof Error && "code" in error && error.code === "22P05")
        return callRecordReport(pool, report, inAscii);
      throw error;
    }
  });
}

/**
 * The same for a report that nobody can be told about any more, such as one from the spool: that it is refused becomes an event.
 */
export async function recordLateReport(pool: Pool, report: Report): Promise<boolean> {
  try {
    return await recordReport(pool, report);
  } catch (error) {
    if (error instanceof BackupAwarenessError && error.code === "REPORT_INVALID") {
      const doneAt = Number.isNaN(report.doneAt.getTime()) ? "no moment" : report.doneAt.toISOString();
      await callProcedure("INTERNAL", () =>
        pool.query(
          "select backup_awareness.log_refused_report($1, $2, $3, $4, $5)",
          [report.scope, doneAt, report.status, report.fqdn, error.message].map((text) =>
            text === null ? null : inAscii(text),
          ),
        ),
      );
    }
    throw error;
  }
}

/** Says in the audit log what a tool wrote while it runs. @throws REPORT_INVALID */
export async function logOutput(pool: Pool, scope: string, fqdn: string, output: string): Promise<void> {
  await callProcedure("REPORT_INVALID", async () => {
    const log = (text: string) => pool.query("select backup_awareness.log_output($1, $2, $3)", [scope, fqdn, text]);
    await log(withoutNul(output)).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "22P05") return log(inAscii(output));
      throw error;
    });
  });
}

async function callRecordReport(pool: Pool, report: Report, storable: (text: string) => string): Promise<boolean> {
  const { rows } = await pool.query<{ is_new: boolean }>(
    "select backup_awareness.record_report($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) as is_new",
    [
      report.scope,
      report.doneAt,
      report.status,
      storable(report.outputMessage),
      report.fqdn,
      report.logPath === null ? null : storable(report.logPath),
      report.runId ?? null,
      report.durationMs === undefined ? null : Math.round(report.durationMs),
      report.sizeBytes ?? null,
      report.archive === undefined ? null : storable(report.archive),
      report.tool === undefined ? null : storable(report.tool),
      report.fileCount ?? null,
      report.knownBy ?? "reported",
    ],
  );
  return rows[0]?.is_new ?? false;
}

/** PostgreSQL's text cannot hold U+0000; a tool's output can. It becomes the replacement character. */
function withoutNul(text: string): string {
  return text.replaceAll("\0", "\u{FFFD}");
}

/** What every encoding of PostgreSQL can hold; another character becomes a question mark. */
function inAscii(text: string): string {
  return text.replace(/[^\u0001-\u007f]/gu, "?");
}
