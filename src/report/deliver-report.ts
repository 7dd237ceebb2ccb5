import { BackupAwarenessError } from "../contract/errors.ts";
import type { Report } from "../contract/report.ts";
import { replaySpool, spoolReport, type RecordReport, type Replay } from "./spool.ts";

export type Delivery = {
  /** Whether the database has it, or the spool. */
  readonly outcome: "recorded" | "spooled";
  /** What became of those that waited. */
  readonly replay: Replay;
  /** Why it was spooled; null: it was recorded. */
  readonly spooledBecause: unknown;
};

/**
 * Records a report, after those that wait in the spool, so that they arrive in order; where the database does not take it now, the spool keeps it.
 * Throws REPORT_INVALID, where the database will never take it, and SPOOL_FAILED, where nobody has it.
 */
export async function deliverReport(spoolDirectory: string, record: RecordReport, report: Report): Promise<Delivery> {
  const replay = await replayIfReadable(spoolDirectory, record);
  let because: unknown = replay.stoppedBy;
  if (because === null) {
    try {
      await record(report);
      return { outcome: "recorded", replay, spooledBecause: null };
    } catch (error) {
      if (error instanceof BackupAwarenessError && error.code === "REPORT_INVALID") throw error;
      because = error;
    }
  }
  await spoolReport(spoolDirectory, report);
  return { outcome: "spooled", replay, spooledBecause: because };
}

/** A spool that cannot be read must not keep new reports from the database. */
async function replayIfReadable(spoolDirectory: string, record: RecordReport): Promise<Replay> {
  try {
    return await replaySpool(spoolDirectory, record);
  } catch (error) {
    if (!(error instanceof BackupAwarenessError) || error.code !== "SPOOL_FAILED") throw error;
    return { recorded: 0, refused: [], remaining: 0, stoppedBy: null };
  }
}
