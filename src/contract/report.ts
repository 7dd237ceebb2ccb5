import type { Scope } from "./scope.ts";

/**
 * What became of a run. `incomplete` (a part is missing) and `unknown` (nobody knows) are no successes; the six-argument
 * LogEngineBackupEvent knows only started, completed and failed.
 */
export const reportStatuses = ["started", "completed", "failed", "incomplete", "unknown"] as const;
export type ReportStatus = (typeof reportStatuses)[number];

/** One message of a backup tool. */
export type Report = {
  readonly scope: Scope;
  /** When that happened, by the reporter's clock. */
  readonly doneAt: Date;
  readonly status: ReportStatus;
  readonly outputMessage: string;
  /** The engine; null: the database's own engine. */
  readonly fqdn: string | null;
  readonly logPath: string | null;
  /** Pairs the start of a run with its end. */
  readonly runId?: string;
  readonly durationMs?: number;
  readonly sizeBytes?: number;
  /** Path or name of what was written. */
  readonly archive?: string;
  /** The tool and its version, as `engine-backup 0.1.0`. */
  readonly tool?: string;
};
