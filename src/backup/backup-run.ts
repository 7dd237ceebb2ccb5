import type { BackupAwarenessError } from "../contract/errors.ts";
import type { Report } from "../contract/report.ts";
import type { Scope } from "../contract/scope.ts";
import type { Database } from "../database/database.ts";
import type { Settings } from "../settings/settings.ts";
import type { ReadBackWay } from "./direct-read.ts";
import type { ManifestScope } from "./manifest.ts";
import type { ExcludedTables } from "./references-to-left-out.ts";
import type { RunLog } from "./run-log.ts";

/** What the administrator asked for. */
export type BackupRequest = {
  readonly settings: Settings;
  /** Empty, or with "all": every configured scope. */
  readonly scopes: readonly Scope[];
  /** Absolute path of the archive; null: a name of its own in the archive directory; "-": standard output. */
  readonly file: string | null;
  /** Added to what the options exclude. */
  readonly excluded: ExcludedTables;
  readonly logPath: string | null;
};

export type ClientProgram = { readonly path: string; readonly version: string };

/** What a run needs of the world. */
export type BackupMeans = {
  readonly clock: () => Date;
  readonly signal: AbortSignal;
  readonly pid: number;
  readonly hostName: string;
  /** As `os-release` tells it. */
  readonly osVersion: string;
  readonly programVersion: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: RunLog;
  readonly onProgress: (progress: BackupProgress) => void;
  /** Opens the database of a scope, with a null url our own; the run closes it. */
  readonly openDatabase: (url: string | null, scope: string) => Promise<Database>;
  /** The one that fits a server of this major. Throws POSTGRES_MISSING. */
  readonly findClientProgram: (name: "pg_dump" | "pg_dumpall", serverMajor: number) => Promise<ClientProgram>;
  /** What the options leave out. */
  readonly readExcluded: () => Promise<ExcludedTables>;
  /** Hands a report on, to the database or to the spool. */
  readonly report: (report: Report) => Promise<void>;
  /** Where an archive goes that was asked for on standard output. */
  readonly writeToStandardOutput: (chunks: AsyncIterable<Buffer>) => Promise<void>;
  readonly limits: BackupLimits;
};

export type BackupLimits = {
  readonly lockTimeoutMs: number;
  /** How long a program may write nothing. */
  readonly silenceLimitMs: number;
};

export const defaultBackupLimits: BackupLimits = { lockTimeoutMs: 5 * 60_000, silenceLimitMs: 60 * 60_000 };

export type BackupProgress =
  | { readonly step: "begun"; readonly scope: Scope }
  | { readonly step: "packed"; readonly scope: Scope; readonly bytes: number }
  | { readonly step: "ended"; readonly outcome: ScopeOutcome }
  | { readonly step: "read back"; readonly bytes: number; readonly ofBytes: number };

export type ScopeOutcome = {
  readonly scope: Scope;
  readonly startedAt: Date;
  readonly durationMs: number;
} & (
  | {
      readonly status: "packed";
      readonly sizeBytes: number;
      /** How much of the archive it takes. */
      readonly storedBytes: number;
      readonly entry: ManifestScope;
    }
  | { readonly status: "failed"; readonly error: BackupAwarenessError }
);

export type BackupResult = {
  readonly runId: string;
  /** null: nothing succeeded, or the archive itself could not be made. */
  readonly archive: {
    /** null: standard output. */
    readonly path: string | null;
    readonly sizeBytes: number;
    readonly verifiedMembers: number;
    /** How it was read back; what went to standard output was read back before, from a file. */
    readonly readBackWay: ReadBackWay;
  } | null;
  /** In the order of the work. A scope is `packed` here only if the archive stands. */
  readonly scopes: readonly ScopeOutcome[];
  readonly warnings: readonly string[];
  /** What lies on the file system of the archive itself: one dead disk takes both. */
  readonly onSameFileSystem: readonly string[];
  readonly freeBytes: number | null;
  /** Reports that could neither be recorded nor spooled. */
  readonly lostReports: readonly { readonly report: Report; readonly error: unknown }[];
};
