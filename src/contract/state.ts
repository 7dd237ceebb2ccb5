import type { AlertType } from "./event.ts";

/** The states of an engine; each is worked out at the moment of reading. */
export const engineStates = ["disabled", "no_full_backup", "stale", "fresh"] as const;
export type EngineState = (typeof engineStates)[number];

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
  readonly raised_at: string;
  readonly dismissed_at: string | null;
};
