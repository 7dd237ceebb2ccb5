import { basename } from "node:path";
import type { ReportStatus } from "../contract/report.ts";

/** Which exit codes of a tool are no failure. What stands in neither list failed. */
export type ExitCodeRules = {
  readonly completed: ReadonlySet<number>;
  /** A backup was made, and a part is missing in it. */
  readonly incomplete: ReadonlySet<number>;
};

type KnownTool = { readonly incomplete: readonly number[]; readonly meanings: Readonly<Record<number, string>> };

/** What the tools' own documentation says of their exit codes; 0 is a success of every tool. */
const knownTools: Readonly<Record<string, KnownTool>> = {
  restic: {
    incomplete: [3],
    meanings: {
      3: "some source data could not be read",
      10: "the repository does not exist",
      11: "the repository is locked",
      12: "wrong password",
      130: "interrupted",
    },
  },
  borg: {
    // Since borg 1.4 a warning has a code of its own where BORG_EXIT_CODES=modern is set.
    incomplete: [1, ...Array.from({ length: 28 }, (_, i) => 100 + i)],
    meanings: { 1: "ended with warnings" },
  },
};

/** The rules for a tool: what was asked for, else what is known of it. Where a code stands in both lists asked for, it is incomplete. */
export function exitCodeRulesOf(
  command: string,
  asked: { readonly completed: readonly number[] | null; readonly incomplete: readonly number[] | null },
): ExitCodeRules {
  const incomplete = new Set(asked.incomplete ?? knownTools[basename(command)]?.incomplete ?? []);
  // Told that a code is fine, what is known of the tool no longer counts.
  if (asked.incomplete === null) for (const code of asked.completed ?? []) incomplete.delete(code);
  return { completed: new Set(asked.completed ?? [0]), incomplete };
}

/** What an exit code says of the backup. */
export function statusOfExitCode(rules: ExitCodeRules, exitCode: number): ReportStatus {
  if (rules.incomplete.has(exitCode)) return "incomplete";
  return rules.completed.has(exitCode) ? "completed" : "failed";
}

/** `exit code 3 (some source data could not be read)` */
export function describeExitCode(command: string, exitCode: number): string {
  const meaning = knownTools[basename(command)]?.meanings[exitCode];
  return meaning === undefined ? `exit code ${exitCode}` : `exit code ${exitCode} (${meaning})`;
}
