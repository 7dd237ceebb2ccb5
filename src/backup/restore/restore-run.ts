import type { Report } from "../../contract/report.ts";
import type { Scope } from "../../contract/scope.ts";
import type { ClientProgramName } from "../../database/client-programs.ts";
import type { RestoreEventType } from "../../database/restores.ts";
import type { Settings } from "../../settings/settings.ts";
import type { ClientProgram } from "../backup-run.ts";
import type { Manifest } from "../manifest.ts";
import type { RunLog } from "../run-log.ts";
import type { Check } from "./check.ts";
import type { RestoredDatabase } from "./restore-database.ts";
import type { TargetServer } from "./target-server.ts";

/** What the administrator asked for. */
export type RestoreRequest = {
  readonly settings: Settings;
  /** Absolute path of the archive. */
  readonly path: string;
  /** Empty, or with "all": all that is in the archive. */
  readonly scopes: readonly Scope[];
  /** Replace what is there. */
  readonly force: boolean;
  /** End the sessions of whoever is connected. */
  readonly disconnect: boolean;
  /** Restore owners and rights. */
  readonly permissions: boolean;
  /** Whether the database of a scope is made where it is missing. */
  readonly provisions: (scope: Scope) => boolean;
  readonly dropsFormer: boolean;
  readonly jobs: number;
  /** Where the dumps are written while they are loaded. */
  readonly temporaryParent: string;
  readonly keepsTemporary: boolean;
  /** Looks and touches nothing. */
  readonly dryRun: boolean;
};

/** A database that a scope is restored into. */
export type OpenTarget = {
  readonly server: TargetServer;
  /** By whom databases and roles are made. */
  readonly admin: TargetServer;
  /** The login that the settings name: made where it is missing, when that was asked for, and the owner of a database that is made. */
  readonly role: { readonly name: string; readonly password: string | null };
  /** Our own database: the programs that use it stand back meanwhile. null: an application's. */
  readonly own: OwnTarget | null;
  close(): Promise<void>;
};

export type OwnTarget = {
  /** Has the daemon let go of the database, and this run as well. Throws RESTORE_FAILED where it does not. */
  standBack(): Promise<void>;
  readonly standsBack: (application: string) => boolean;
  /** What a restored database of ours needs before it is put in its place; `reports` came after its dump. */
  finish(database: string, reports: readonly Report[]): Promise<void>;
};

/** What a restore needs of the world. */
export type RestoreMeans = {
  readonly clock: () => Date;
  readonly signal: AbortSignal;
  readonly pid: number;
  readonly userId: number | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: RunLog;
  readonly findClientProgram: (name: ClientProgramName, serverMajor: number) => Promise<ClientProgram>;
  readonly openTarget: (scope: Scope) => Promise<OpenTarget>;
  /** Records an event. Never throws: a restore matters more. */
  readonly tell: (type: RestoreEventType, fqdn: string, scope: Scope, message: string) => Promise<void>;
  readonly onProgress: (progress: RestoreProgress) => void;
};

export type RestoreProgress =
  | { readonly step: "read"; readonly bytes: number; readonly ofBytes: number }
  | { readonly step: "restoring"; readonly scope: Scope };

export type ScopeRestored = { readonly scope: Scope; readonly durationMs: number } & (
  | { readonly kind: "database"; readonly restored: RestoredDatabase }
  | { readonly kind: "files"; readonly restored: RestoredFiles }
);

export type RestoredFiles = {
  readonly paths: readonly string[];
  readonly files: number;
  readonly contentBytes: number;
  readonly differences: readonly string[];
  /** Directories that hold what was there before; empty: nothing was, or it was removed. */
  readonly former: readonly string[];
  readonly warnings: readonly string[];
};

export type RestoreResult = {
  readonly manifest: Manifest | null;
  readonly checks: readonly Check[];
  /** Empty where a check refused, or only a dry run was asked for. */
  readonly restored: readonly ScopeRestored[];
  /** Where the dumps still are; null: they were removed. */
  readonly temporaryDirectory: string | null;
};
