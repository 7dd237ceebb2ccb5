import type { Pool } from "pg";
import { mostReports, type ReportAnswer, type ReportItem } from "../../contract/api/report-schemas.ts";
import { BackupAwarenessError, errorCatalogue } from "../../contract/errors.ts";
import type { Report, ReportStatus } from "../../contract/report.ts";
import { recordReport } from "../../database/record-report.ts";
import { coversEngine } from "../../database/tokens.ts";
import type { Caller } from "../api/caller.ts";
import type { Handlers } from "../api/handlers.ts";
import { momentOf } from "../api/moment.ts";

/** Engines of one batch whose reports are recorded at once. */
const enginesAtOnce = 3;

type Outcome = ReportAnswer["items"][number];

export const reportHandlers = {
  "POST /reports": async ({ pool, body, caller }) => {
    const now = new Date();
    if (!Array.isArray(body)) {
      // A single one that fails is an error, so that `curl --fail` sees it.
      const isNew = await recordReport(pool, reportOf(body, caller, now));
      return answerOf([{ outcome: isNew ? "recorded" : "known", code: null, detail: null }]);
    }
    const items = await recordAll(pool, body.slice(0, mostReports), caller, now);
    const failed = items.find(({ outcome }) => outcome === "failed");
    if (failed !== undefined && items.every(({ outcome }) => outcome === "failed"))
      throw new BackupAwarenessError("DATABASE_UNREACHABLE", failed.detail ?? "no report could be recorded", {
        hint: "send the whole batch again; repeating a report is safe",
      });
    return answerOf(items);
  },
} satisfies Partial<Handlers>;

/** Each by itself, in its own transaction. The reports of one engine keep their order. */
async function recordAll(pool: Pool, items: readonly ReportItem[], caller: Caller, now: Date): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const queues = [...Map.groupBy(items.entries(), ([, item]) => (item.fqdn ?? "").toLowerCase()).values()];
  const work = async (): Promise<void> => {
    for (let queue = queues.shift(); queue !== undefined; queue = queues.shift())
      for (const [index, item] of queue) outcomes[index] = await recordOne(pool, item, caller, now);
  };
  await Promise.all(Array.from({ length: enginesAtOnce }, work));
  return outcomes;
}

async function recordOne(pool: Pool, item: ReportItem, caller: Caller, now: Date): Promise<Outcome> {
  try {
    const isNew = await recordReport(pool, reportOf(item, caller, now));
    return { outcome: isNew ? "recorded" : "known", code: null, detail: null };
  } catch (error) {
    if (!(error instanceof BackupAwarenessError)) throw error;
    const passes = errorCatalogue[error.code].httpStatus === 503;
    return { outcome: passes ? "failed" : "refused", code: error.code, detail: error.message };
  }
}

/** @throws REPORT_INVALID, NOT_ALLOWED where the caller's token is bound to another engine */
function reportOf(item: ReportItem, caller: Caller, now: Date): Report {
  const doneAt = item.done_at === undefined ? now : momentOf("done_at", item.done_at);
  return {
    scope: item.scope,
    doneAt,
    status: typeof item.status === "number" ? wordOf(item.status) : item.status,
    outputMessage: item.output_message ?? "",
    fqdn: engineOf(item, caller),
    logPath: item.log_path ?? null,
    ...(item.run_id == null ? {} : { runId: item.run_id }),
    ...(item.archive == null ? {} : { archive: item.archive }),
    ...(item.tool == null ? {} : { tool: item.tool }),
    ...(item.duration_ms == null ? {} : { durationMs: item.duration_ms }),
    ...(item.size_bytes == null ? {} : { sizeBytes: item.size_bytes }),
  };
}

function wordOf(status: -1 | 0 | 1): ReportStatus {
  return status === 1 ? "completed" : status === 0 ? "started" : "failed";
}

/** A token that is bound to one engine need not name it. */
function engineOf({ fqdn }: ReportItem, { token }: Caller): string | null {
  const bound = token?.engine ?? null;
  const named = fqdn == null || fqdn === "" ? null : fqdn;
  if (bound === null) return named;
  if (named === null && !bound.includes("*")) return bound;
  if (named !== null && coversEngine(bound, named)) return named;
  throw new BackupAwarenessError(
    "NOT_ALLOWED",
    named === null
      ? `this token reports for ${JSON.stringify(bound)}: fqdn must name the engine`
      : `this token may not report for the engine ${JSON.stringify(named.slice(0, 255))}`,
    { hint: `it is bound to ${JSON.stringify(bound)}` },
  );
}

function answerOf(items: Outcome[]): ReportAnswer {
  const count = (outcome: Outcome["outcome"]): number => items.filter((item) => item.outcome === outcome).length;
  return {
    recorded: count("recorded"),
    known: count("known"),
    refused: count("refused"),
    failed: count("failed"),
    items,
  };
}
