import { basename } from "node:path";
import type { Report, ReportStatus } from "../contract/report.ts";
import { describeExitCode, type ExitCodeRules, statusOfExitCode } from "./exit-code-rules.ts";
import type { ToolEnd } from "./run-tool.ts";
import { readToolSummary, type ToolSummary } from "./tool-summary.ts";

/** What is known of a run before the tool begins. */
export type ToolRun = {
  readonly scope: string;
  readonly fqdn: string;
  readonly logPath: string | null;
  readonly runId: string;
  /** The command as it was given: its first word names the tool. */
  readonly command: string;
  readonly exitCodes: ExitCodeRules;
};

/** What is known of its end beside what the tool itself did. */
export type RunEnd = {
  /** The signal that we were sent and handed on: then the run failed, whatever the tool says. */
  readonly interruptedBy: NodeJS.Signals | null;
  /** How often the tool was run, this time included. */
  readonly tries: number;
};

/** As timeout(1) has it. */
const timedOutExitCode = 124;

/** The report that a run begins. */
export function startedReport(run: ToolRun, at: Date): Report {
  return { ...commonOf(run), doneAt: at, status: "started", outputMessage: "" };
}

/** The report of how a run ended; `begunAt` is when its first try began. */
export function endedReport(run: ToolRun, end: ToolEnd, runEnd: RunEnd, begunAt: Date): Report {
  const { fault, ...summary } = readToolSummary(run.command, end.summary);
  const verdict = judge(run, end, runEnd, fault);
  const tries = runEnd.tries > 1 ? ` (try ${runEnd.tries})` : "";
  return {
    ...commonOf(run),
    ...(verdict.status === "failed" ? {} : summary),
    doneAt: end.endedAt,
    status: verdict.status,
    outputMessage:
      verdict.fault === null
        ? (end.tail || "exit code 0, no output") + tries
        : withTail(`${verdict.fault}${tries}`, end.tail),
    durationMs: Math.max(0, end.endedAt.getTime() - begunAt.getTime()),
  };
}

/** Whether to run the tool once more may help. */
export function mayBeRetried(run: ToolRun, end: ToolEnd, runEnd: RunEnd): boolean {
  return (
    runEnd.interruptedBy === null && end.outcome.kind !== "not started" && judge(run, end, runEnd).status === "failed"
  );
}

function commonOf(run: ToolRun): Pick<Report, "scope" | "fqdn" | "logPath" | "runId" | "tool"> {
  return { scope: run.scope, fqdn: run.fqdn, logPath: run.logPath, runId: run.runId, tool: basename(run.command) };
}

type Verdict = { readonly status: ReportStatus; readonly fault: string | null };

/** `summaryFault`: what the tool itself says is damaged or missing, although it ended well. */
function judge(run: ToolRun, end: ToolEnd, { interruptedBy }: RunEnd, summaryFault?: ToolSummary["fault"]): Verdict {
  const failed = (fault: string): Verdict => ({ status: "failed", fault });
  const { outcome } = end;
  if (outcome.kind === "not started") return failed(`could not be started: ${outcome.reason}`);
  if (end.timedOut) return failed("timed out");
  if (outcome.kind === "killed") return failed(`killed by ${outcome.signalName}`);
  if (interruptedBy !== null) return failed(`killed by ${interruptedBy}: it ended with exit code ${outcome.exitCode}`);
  const status = statusOfExitCode(run.exitCodes, outcome.exitCode);
  if (status !== "completed") return { status, fault: describeExitCode(run.command, outcome.exitCode) };
  return summaryFault === undefined ? { status, fault: null } : { status: "incomplete", fault: summaryFault };
}

/** Lists show the first line alone, so that the tool's last word stands there. */
function withTail(fault: string, tail: string): string {
  const lines = tail.split("\n").filter((line) => line.trim() !== "");
  const lastWord = lines.at(-1)?.trim();
  if (lastWord === undefined) return fault;
  return lines.length === 1 ? `${fault}: ${lastWord}` : `${fault}: ${lastWord}\n\n${tail}`;
}

/**
 * What the wrapper ends with: the tool's exit code; 128 and the signal's number where a signal ended it; 127 for a command that is not
 * there, 126 for one that cannot be run, as a shell tells it; 124 where its time ran out.
 */
export function exitCodeOf(
  { outcome, timedOut }: ToolEnd,
  interruptedBy: NodeJS.Signals | null,
  signalNumbers: Readonly<Record<string, number>>,
): number {
  if (timedOut) return timedOutExitCode;
  switch (outcome.kind) {
    case "not started":
      return outcome.isMissing ? 127 : 126;
    case "killed":
      return 128 + (signalNumbers[outcome.signalName] ?? 0);
    case "exited":
      return outcome.exitCode === 0 && interruptedBy !== null
        ? 128 + (signalNumbers[interruptedBy] ?? 0)
        : outcome.exitCode;
  }
}
