import { basename } from "node:path";
import type { Report } from "../contract/report.ts";
import type { ToolEnd } from "./run-tool.ts";

/** What is known of a run before the tool begins. */
export type ToolRun = {
  readonly scope: string;
  readonly fqdn: string;
  readonly logPath: string | null;
  readonly runId: string;
  /** The command as it was given: its first word names the tool. */
  readonly command: string;
};

/** The report that a run begins. */
export function startedReport(run: ToolRun, at: Date): Report {
  return { ...commonOf(run), doneAt: at, status: "started", outputMessage: "" };
}

/**
 * The report of how a run ended: completed by exit code 0 alone. `interruptedBy` is the signal that we were sent and handed on: then it
 * failed, whatever the tool says.
 */
export function endedReport(run: ToolRun, end: ToolEnd, interruptedBy: NodeJS.Signals | null): Report {
  const failure = describeFailure(end, interruptedBy);
  return {
    ...commonOf(run),
    doneAt: end.endedAt,
    status: failure === null ? "completed" : "failed",
    outputMessage: failure === null ? end.tail || "exit code 0, no output" : withTail(failure, end.tail),
    durationMs: Math.max(0, end.endedAt.getTime() - end.startedAt.getTime()),
  };
}

function commonOf(run: ToolRun): Pick<Report, "scope" | "fqdn" | "logPath" | "runId" | "tool"> {
  return { scope: run.scope, fqdn: run.fqdn, logPath: run.logPath, runId: run.runId, tool: basename(run.command) };
}

/** null: it did not fail. */
function describeFailure({ outcome }: ToolEnd, interruptedBy: NodeJS.Signals | null): string | null {
  switch (outcome.kind) {
    case "killed":
      return `killed by ${outcome.signalName}`;
    case "not started":
      return `could not be started: ${outcome.reason}`;
    case "exited":
      if (interruptedBy !== null) return `killed by ${interruptedBy}: it ended with exit code ${outcome.exitCode}`;
      return outcome.exitCode === 0 ? null : `exit code ${outcome.exitCode}`;
  }
}

/** Lists show the first line alone, so that the tool's last word stands there. */
function withTail(failure: string, tail: string): string {
  const lines = tail.split("\n").filter((line) => line.trim() !== "");
  const lastWord = lines.at(-1)?.trim();
  if (lastWord === undefined) return failure;
  return lines.length === 1 ? `${failure}: ${lastWord}` : `${failure}: ${lastWord}\n\n${tail}`;
}

/**
 * What the wrapper ends with: the tool's exit code; 128 and the signal's number where a signal ended it; 127 for a command that is not
 * there, 126 for one that cannot be run, as a shell tells it.
 */
export function exitCodeOf(
  { outcome }: ToolEnd,
  interruptedBy: NodeJS.Signals | null,
  signalNumbers: Readonly<Record<string, number>>,
): number {
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
