import { checkSchedule } from "../../awareness/check-schedule.ts";
import { countAlerts } from "../../database/alert-list.ts";
import { readCheckRecord, runCheck } from "../../database/check.ts";
import { countEngines, hasReports } from "../../database/engine-counts.ts";
import type { ApiContext, Handlers } from "../api/handlers.ts";

export const summaryHandlers = ({ settings, programVersion }: ApiContext) =>
  ({
    "GET /summary": async ({ pool }) => {
      const [record, engines, alerts, reported] = await Promise.all([
        readCheckRecord(pool),
        countEngines(pool),
        countAlerts(pool),
        hasReports(pool),
      ]);
      const schedule = checkSchedule(record);
      return {
        fqdn: settings.fqdn,
        program_version: programVersion,
        now: record.now.toISOString(),
        enabled: record.periodHours !== null,
        check_period_hours: record.periodHours,
        checked_at: record.checkedAt?.toISOString() ?? null,
        next_check_at: schedule.nextCheckAt?.toISOString() ?? null,
        check_overdue: schedule.overdue,
        skipped_engines: record.skippedEngines,
        protects_only_itself: settings.protectsOnlyItself,
        engines,
        alerts: {
          open: { count: alerts.open.count, is_capped: alerts.open.isCapped },
          dismissed: { count: alerts.dismissed.count, is_capped: alerts.dismissed.isCapped },
        },
        has_reports: reported,
      };
    },

    "POST /checks": async ({ pool }) => {
      const { raised, cleared } = await runCheck(pool);
      const { checkedAt, now } = await readCheckRecord(pool);
      return { checked_at: (checkedAt ?? now).toISOString(), raised: [...raised], cleared: [...cleared] };
    },
  }) satisfies Partial<Handlers>;
