import { BackupAwarenessError } from "../../contract/errors.ts";

/** Under which heading a finding stands, in the order in which they are told. */
export const findingGroups = ["own database", "daemon", "spool", "scopes", "archive"] as const;
export type FindingGroup = (typeof findingGroups)[number];

/** What the doctor found. */
export type Finding = {
  readonly group: FindingGroup;
  /** `problem`: tonight's backup, or the warning about it, would fail. `warning`: it would not do all that it could. */
  readonly level: "ok" | "warning" | "problem";
  readonly what: string;
  /** What to do about it; null: nothing. */
  readonly todo: string | null;
};

export function fine(group: FindingGroup, what: string): Finding {
  return { group, level: "ok", what, todo: null };
}

export function warning(group: FindingGroup, what: string, todo: string): Finding {
  return { group, level: "warning", what, todo };
}

export function problem(group: FindingGroup, what: string, todo: string): Finding {
  return { group, level: "problem", what, todo };
}

/** An error as a finding: its hint is what to do. */
export function problemOf(group: FindingGroup, context: string, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof BackupAwarenessError ? error.hint : null;
  return problem(group, `${context}: ${message}`, hint ?? "look at the reason given");
}
