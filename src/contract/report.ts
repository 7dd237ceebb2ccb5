import type { Scope } from "./scope.ts";

/**
 * What became of a run. `incomplete` (a part is missing) and `unknown` (nobody knows) are no successes; the six-argument
 * LogEngineBackupEvent knows only started, completed and failed.
 */
export const reportStatuses = ["started", "completed", "failed", "incomplete", "unknown"] as const;
export type ReportStatus = (typeof reportStatuses)[number];

/**
 * How a backup is known: its maker told of it; its tool's own list holds it, and nobody told; or its maker told of it and has read its archive back
 * from where it lies.
 */
export const knownBys = ["reported", "listed", "read_back"] as const;
export type KnownBy = (typeof knownBys)[number];

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
  readonly fileCount?: number;
  /** Path or name of what was written. */
  readonly archive?: string;
  /** The tool and its version, as `engine-backup 0.1.0`. */
  readonly tool?: string;
  /** Absent: reported. */
  readonly knownBy?: KnownBy;
};
