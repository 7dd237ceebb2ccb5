import { type KnownBy, knownBys, reportStatuses, type Report, type ReportStatus } from "../contract/report.ts";

/** A report as a file of the spool holds it: JSON, with its version, so that a later program can read what an earlier one kept. */
export function encodeSpooledReport(report: Report): string {
  return `${JSON.stringify({ version: 1, report: { ...report, doneAt: report.doneAt.toISOString() } })}\n`;
}

/** The report, or in words why the text is none. */
export function decodeSpooledReport(text: string): { readonly report: Report } | { readonly fault: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { fault: text === "" ? "the file is empty" : "the file is no JSON, or cut off" };
  }
  if (!isObject(parsed) || parsed["version"] !== 1 || !isObject(parsed["report"]))
    return { fault: "the file is no report that this version knows" };
  const found = parsed["report"];
  const { scope, doneAt, status, outputMessage, fqdn, logPath } = found;
  const time = typeof doneAt === "string" ? new Date(doneAt) : null;
  if (typeof scope !== "string") return { fault: "it names no scope" };
  if (time === null || Number.isNaN(time.getTime())) return { fault: "its time is none" };
  if (!isStatus(status)) return { fault: "its status is none" };
  if (typeof outputMessage !== "string") return { fault: "it has no message" };
  if (!isTextOrNull(fqdn) || !isTextOrNull(logPath)) return { fault: "its engine or its log is no text" };
  const optional = optionalOf(found);
  if (optional === null) return { fault: "one of its further values is of another kind" };
  return { report: { scope, doneAt: time, status, outputMessage, fqdn, logPath, ...optional } };
}

type Optional = Pick<Report, "runId" | "durationMs" | "sizeBytes" | "fileCount" | "archive" | "tool" | "knownBy">;

function optionalOf(found: Record<string, unknown>): Optional | null {
  const texts = (["runId", "archive", "tool"] as const).filter((key) => found[key] !== undefined);
  const numbers = (["durationMs", "sizeBytes", "fileCount"] as const).filter((key) => found[key] !== undefined);
  if (texts.some((key) => typeof found[key] !== "string") || numbers.some((key) => typeof found[key] !== "number"))
    return null;
  const { knownBy } = found;
  if (knownBy !== undefined && !isKnownBy(knownBy)) return null;
  return {
    ...Object.fromEntries([...texts, ...numbers].map((key) => [key, found[key]])),
    ...(knownBy === undefined ? {} : { knownBy }),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isStatus(value: unknown): value is ReportStatus {
  return (reportStatuses as readonly unknown[]).includes(value);
}

function isKnownBy(value: unknown): value is KnownBy {
  return (knownBys as readonly unknown[]).includes(value);
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}
