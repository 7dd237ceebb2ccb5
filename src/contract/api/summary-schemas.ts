import { Type, type Static } from "typebox";

import { cappedCount, nullable, object, timestamp } from "./fields.ts";

export const summary = object({
  fqdn: Type.String({ description: "this host's engine" }),
  program_version: Type.String(),
  now: timestamp("the database's clock, which decides"),
  enabled: Type.Boolean({ description: "false: BackupCheckPeriodInHours is -1 and nobody is warned" }),
  check_period_hours: nullable(Type.Integer()),
  checked_at: nullable(timestamp("when the last check ran; null: never")),
  next_check_at: nullable(timestamp("when the next will run")),
  check_overdue: Type.Boolean(),
  skipped_engines: Type.Integer({
    description: "engines that the last check left out, since an open transaction held them",
  }),
  protects_only_itself: Type.Boolean({
    description: "no application is configured on this host: engine-backup backs up Backup Awareness alone",
  }),
  engines: object({
    total: Type.Integer(),
    disabled: Type.Integer(),
    no_full_backup: Type.Integer(),
    stale: Type.Integer(),
    fresh: Type.Integer(),
  }),
  alerts: object({
    open: object({ ...cappedCount.properties }, "open and not dismissed"),
    dismissed: object({ ...cappedCount.properties }, "open and dismissed"),
  }),
  has_reports: Type.Boolean({ description: "false: no report was ever received" }),
});
export type Summary = Static<typeof summary>;

export const checkAnswer = object({
  checked_at: timestamp("when the check ran"),
  raised: Type.Array(Type.Integer(), { description: "numbers of the alerts that it raised" }),
  cleared: Type.Array(Type.Integer(), { description: "numbers of the alerts that it cleared" }),
});
