import { type Command, InvalidArgumentError } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { tellMoment } from "../contract/tell-time.ts";
import {
  addMaintenanceWindow,
  type MaintenanceTime,
  readMaintenanceWindows,
  removeMaintenanceWindow,
  type StoredWindow,
} from "../database/maintenance-windows.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { parseMoment } from "./parse-moment.ts";
import { wholeNumber } from "./parse-whole-number.ts";
import { printJson } from "./print-json.ts";
import { renderTable } from "./render-table.ts";
import { withDatabase } from "./with-database.ts";

const dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

type WindowOptions = {
  readonly engine?: readonly string[];
  readonly from?: Date;
  readonly to?: Date;
  readonly days?: readonly number[];
  readonly at?: string;
  readonly for?: number;
  readonly timeZone?: string;
  readonly reason?: string;
};

/** `backup-awareness maintenance add|list|remove`. */
export function addMaintenanceCommand(program: Command, context: CommandContext): void {
  const maintenance = program
    .command("maintenance")
    .summary("when notifications wait: add, list, remove maintenance windows")
    .description(
      "In a maintenance window notifications wait. At its end they are told, unless they are over by then. Alerts are raised as ever.",
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness maintenance add --for 2h --reason 'new disks'", "from now on, for two hours"],
        [
          "backup-awareness maintenance add --days sat,sun --at 22:00 --for 8h --time-zone Europe/Berlin --engine '*.lab.example.com'",
          "every weekend night",
        ],
      ),
    );
  maintenance
    .command("add")
    .summary("add a maintenance window")
    .description(
      "Adds a maintenance window: once, --from and --to or --for; or every week, --days, --at, --for and --time-zone.",
    )
    .option(
      "--engine <pattern>",
      "only engines of this name; * is any text, ? any character; repeat it for several",
      (text, former: readonly string[] | undefined) => [...(former ?? []), text],
    )
    .option("--from <time>", "its beginning, as 2026-11-23T22:00:00Z (default: now)", (text) =>
      parseMoment(text, context.now()),
    )
    .option("--to <time>", "its end", (text) => parseMoment(text, context.now()))
    .option("--days <days>", "the days on which it begins, as sat,sun or daily", parseDays)
    .option("--at <time>", "when it begins on those days, as 22:00", parseTimeOfDay)
    .option("--for <duration>", "how long it lasts, as 90m or 8h, at most a week", parseMinutes)
    .option("--time-zone <zone>", "the zone of --at, as Europe/Berlin (default: UTC)")
    .option("--reason <text>", "why; it stands in the event")
    .addHelpText("after", examples(["backup-awareness maintenance add --for 2h", "quiet for two hours"]))
    .action(async (options: WindowOptions) => {
      const when = timeOf(options, context.now());
      const id = await withDatabase(context, ({ pool }) =>
        addMaintenanceWindow(
          pool,
          {
            engines: (options.engine ?? []).map((pattern) => pattern.toLowerCase()),
            when,
            reason: options.reason ?? null,
          },
          context.actor,
        ),
      );
      context.stderr.write(`maintenance window ${id} is added: ${tellWhen(when)}\n`);
    });
  maintenance
    .command("list")
    .summary("list the maintenance windows")
    .description("Lists the maintenance windows, also those that are over.")
    .option("--json", "print them as JSON")
    .addHelpText("after", examples(["backup-awareness maintenance list", "all of them"]))
    .action(async (options: { json?: true }) => {
      const windows = await withDatabase(context, ({ pool }) => readMaintenanceWindows(pool));
      if (options.json) printJson(context.stdout, windows.map(windowAsJson));
      else if (windows.length === 0) context.stderr.write("there is no maintenance window\n");
      else {
        context.stdout.write(
          renderTable(
            ["WINDOW", "ENGINES", "WHEN", "REASON"],
            windows.map((each) => [
              String(each.id),
              each.engines.join(" ") || "all",
              tellWhen(each.when),
              each.reason ?? "",
            ]),
          ),
        );
      }
    });
  maintenance
    .command("remove")
    .summary("remove a maintenance window")
    .description("Removes a maintenance window. What waits for its end is told at once.")
    .argument("<id>", "the window's number", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .addHelpText("after", examples(["backup-awareness maintenance remove 2", "the work is done"]))
    .action(async (id: number) => {
      await withDatabase(context, ({ pool }) => removeMaintenanceWindow(pool, id, context.actor));
      context.stderr.write(`maintenance window ${id} is removed\n`);
    });
}

function timeOf(options: WindowOptions, now: Date): MaintenanceTime {
  const { from, to, days, at, timeZone } = options;
  const weekly = days !== undefined || at !== undefined || timeZone !== undefined;
  if (weekly) {
    if (days === undefined || at === undefined || options.for === undefined || from !== undefined || to !== undefined)
      throw new BackupAwarenessError(
        "USAGE",
        "a window of every week takes --days, --at and --for, and neither --from nor --to",
        {
          hint: "as in: backup-awareness maintenance add --days sat,sun --at 22:00 --for 8h --time-zone Europe/Berlin",
        },
      );
    return { weekdays: days, localStart: at, durationMinutes: options.for, timeZone: timeZone ?? "UTC" };
  }
  if ((to === undefined) === (options.for === undefined))
    throw new BackupAwarenessError("USAGE", "a window takes either --to or --for", {
      hint: "as in: backup-awareness maintenance add --for 2h",
    });
  const startsAt = from ?? now;
  return { startsAt, endsAt: to ?? new Date(startsAt.getTime() + (options.for ?? 0) * 60_000) };
}

function parseDays(text: string): readonly number[] {
  if (text === "daily") return [1, 2, 3, 4, 5, 6, 7];
  const days = text
    .toLowerCase()
    .split(",")
    .map((name) => dayNames.indexOf(name.trim() as (typeof dayNames)[number]) + 1);
  if (days.includes(0)) throw new InvalidArgumentError(`It must be some of ${dayNames.join(",")}, or daily.`);
  return [...new Set(days)].toSorted((a, b) => a - b);
}

function parseTimeOfDay(text: string): string {
  if (/^([01]\d|2[0-3]):[0-5]\d$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a time of the day, as 22:00.");
}

function parseMinutes(text: string): number {
  const [, digits, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const minutes = Number(digits) * (unit === "d" ? 1440 : unit === "h" ? 60 : 1);
  if (minutes >= 1 && minutes <= 10_080) return minutes;
  throw new InvalidArgumentError("It must be a duration as 90m, 8h or 2d, at most a week.");
}

function tellWhen(when: MaintenanceTime): string {
  if ("startsAt" in when) return `from ${tellMoment(when.startsAt)} to ${tellMoment(when.endsAt)}`;
  const days = when.weekdays.map((day) => dayNames[day - 1] ?? "?").join(",");
  return `${days} at ${when.localStart} (${when.timeZone}) for ${when.durationMinutes} minutes`;
}

function windowAsJson({ id, engines, when, reason, addedAt, addedBy }: StoredWindow) {
  const once = "startsAt" in when;
  return {
    id,
    engines,
    starts_at: once ? when.startsAt.toISOString() : null,
    ends_at: once ? when.endsAt.toISOString() : null,
    weekdays: once ? null : when.weekdays,
    local_start: once ? null : when.localStart,
    duration_minutes: once ? null : when.durationMinutes,
    time_zone: once ? null : when.timeZone,
    reason,
    added_at: addedAt.toISOString(),
    added_by: addedBy,
  };
}
