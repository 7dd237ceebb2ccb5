import type { AlertType } from "./event.ts";

/** The states of an engine; each is worked out at the moment of reading. */
export const engineStates = ["disabled", "no_full_backup", "stale", "fresh"] as const;
export type EngineState = (typeof engineStates)[number];

/** What is known of one scope. Times are effective: the report's own or the moment of its receipt, whichever is earlier. */
export type ScopeStatus = {
  readonly last_success_at: string | null;
  readonly last_failure_at: string | null;
  readonly last_failure_message: string | null;
  readonly running_since: string | null;
  readonly stalled: boolean;
};

export type AlertStatus = {
  readonly id: number;
  readonly type: AlertType;
  /** null: it is about the engine as a whole. */
  readonly scope: string | null;
  readonly raised_at: string;
  readonly dismissed_at: string | null;
  /** What it says now. */
  readonly message: string | null;
};

export type EngineStatus = {
  readonly fqdn: string;
  readonly state: EngineState;
  readonly since: string;
  readonly full_backup_at: string | null;
  readonly stale_at: string | null;
  readonly required_scopes: readonly string[];
  /** Days of 24 hours; null: the option BackupAlertPeriodInDays. */
  readonly required_period_days: Readonly<Record<string, number | null>>;
  readonly scopes: Readonly<Record<string, ScopeStatus>>;
  readonly alerts: readonly AlertStatus[];
};

/** What `backup-awareness status --json` prints. Keys may be added, none renamed. */
export type Status = {
  /** This host's engine. */
  readonly fqdn: string;
  readonly enabled: boolean;
  readonly checked_at: string | null;
  readonly next_check_at: string | null;
  readonly check_overdue: boolean;
  readonly engines: readonly EngineStatus[];
};
