import { Type, type Static } from "typebox";
import { reportStatuses } from "../report.ts";
import { nullable, object, timestamp } from "./fields.ts";

const status = Type.Unsafe<(typeof reportStatuses)[number] | -1 | 0 | 1>({
  enum: [...reportStatuses, -1, 0, 1],
  description: "a word, or LogEngineBackupEvent's number: -1 failed, 0 started, 1 completed",
});

/** Lengths are refused by the database in its own words, item by item; here is only what no report can be. */
export const reportItem = object({
  scope: Type.String({ description: "which part of the engine: db, files, …" }),
  done_at: Type.Optional(timestamp("when that happened, by the reporter's clock; absent: now")),
  status,
  output_message: Type.Optional(nullable(Type.String({ description: "what the tool said" }))),
  fqdn: Type.Optional(
    nullable(Type.String({ description: "the engine; absent: the token's engine, else the database's own" })),
  ),
  log_path: Type.Optional(nullable(Type.String())),
  run_id: Type.Optional(nullable(Type.String({ description: "pairs the start of a run with its end" }))),
  duration_ms: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))),
  size_bytes: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))),
  archive: Type.Optional(nullable(Type.String({ description: "path or name of what was written" }))),
  tool: Type.Optional(nullable(Type.String({ description: "the tool and its version" }))),
});
export type ReportItem = Static<typeof reportItem>;

export const mostReports = 1000;

/** One report, or up to 1,000. */
export const reportBody = Type.Union([reportItem, Type.Array(reportItem, { minItems: 1, maxItems: mostReports })]);

export const reportOutcomes = ["recorded", "known", "refused", "failed"] as const;

/** What became of each, in the order in which they were given. */
export const reportAnswer = object({
  recorded: Type.Integer({ description: "how many were new" }),
  known: Type.Integer({ description: "how many had been recorded before: a repetition is no error" }),
  refused: Type.Integer({ description: "how many can never be recorded as they are" }),
  failed: Type.Integer({ description: "how many could not be recorded now: send them again" }),
  items: Type.Array(
    object({
      outcome: Type.Unsafe<(typeof reportOutcomes)[number]>({ type: "string", enum: [...reportOutcomes] }),
      code: nullable(Type.String({ description: "of docs/errors.md; null: there is no error" })),
      detail: nullable(Type.String()),
    }),
  ),
});
export type ReportAnswer = Static<typeof reportAnswer>;
