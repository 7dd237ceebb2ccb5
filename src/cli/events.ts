import { setTimeout as delay } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { type EventType, eventTypes, type Severity, severities } from "../contract/event.ts";
import { EventTail } from "../database/event-tail.ts";
import { type Event, type EventFilter, readEvents } from "../database/events.ts";
import { isUnreachable } from "../database/procedure-errors.ts";
import { nearestWord } from "../settings/nearest-word.ts";
import { type CommandContext, Interrupted, type Output, type Style } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { parseMoment } from "./parse-moment.ts";
import { wholeNumber } from "./parse-whole-number.ts";
import { indented } from "../contract/printable.ts";
import { tellMoment } from "../contract/tell-time.ts";
import { withDatabase } from "./with-database.ts";

const defaultLimit = 100;
const largestLimit = 1_000_000;
/** How often --follow looks for new events. */
const followPeriodMs = 1_000;

type EventsOptions = {
  readonly type?: readonly EventType[];
  readonly severity?: Severity;
  readonly engine?: string;
  readonly scope?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly text?: string;
  readonly limit: number;
  readonly follow?: true;
  readonly json?: true;
};

/** `backup-awareness events`: the audit log. */
export function addEventsCommand(program: Command, context: CommandContext): void {
  const moment = (text: string): Date => parseMoment(text, context.now());
  program
    .command("events")
    .summary("show what happened: the audit log")
    .description(
      "Shows the newest events that pass every filter given, the oldest of them first. Times are those of the database's clock, in UTC.",
    )
    .option("--type <type...>", "only these types, by name or code, as ENGINE_BACKUP_FAILED or 9026", collectTypes)
    .addOption(
      new Option("--severity <severity>", "only this severity and those above it").choices(Object.keys(severities)),
    )
    .option("--engine <fqdn>", "only of this engine")
    .option("--scope <scope>", "only of this scope")
    .option("--since <time>", "only since then: 2026-11-23T10:00:00Z, 2026-11-23 (UTC), or 30m, 2h, 3d, 2w ago", moment)
    .option("--until <time>", "only until then", moment)
    .option("--text <text>", "only with this text in the message, in any case")
    .option("--limit <number>", "how many of them at most", wholeNumber(1, largestLimit), defaultLimit)
    .option("--follow", "go on with those to come, until Ctrl-C")
    .option("--json", "print one JSON object a line")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness events --since 3d --severity error", "what went wrong lately"],
        ["backup-awareness events --engine db1.example.com --type ENGINE_BACKUP_FAILED", "failures of one engine"],
        ["backup-awareness events --follow --json | jq -r .message", "watch, in a script"],
      ),
    )
    .action(async (options: EventsOptions) => {
      if (options.follow && options.until)
        throw new BackupAwarenessError("USAGE", "--follow and --until exclude each other");
      await (options.follow ? followEvents(context, options) : showEvents(context, options));
    });
}

async function showEvents(context: CommandContext, options: EventsOptions): Promise<void> {
  const events = await withDatabase(context, ({ pool }) => readEvents(pool, filterOf(options), options.limit));
  printEvents(context.stdout, events, options);
  if (events.length === 0 && !options.json) context.stderr.write("no such event\n");
  if (events.length === options.limit && context.stderr.isTerminal)
    context.stderr.write(`the newest ${options.limit}; --limit shows more\n`);
}

/** Ends with SIGINT or SIGTERM, which is no failure. A database that goes away is waited for. */
async function followEvents(context: CommandContext, options: EventsOptions): Promise<void> {
  try {
    await withDatabase(context, async ({ pool }) => {
      const tail = new EventTail(pool, filterOf(options));
      printEvents(context.stdout, await tail.begin(options.limit), options);
      let lost = false;
      while (!context.signal.aborted) {
        await delay(followPeriodMs, undefined, { signal: context.signal });
        try {
          printEvents(context.stdout, await tail.next(), options);
          if (lost) context.stderr.write("the database answers again\n");
          lost = false;
        } catch (error) {
          if (!isUnreachable(error)) throw error;
          if (!lost) context.stderr.write("the database does not answer; waiting for it\n");
          lost = true;
        }
      }
    });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    context.setExitCode(0);
  }
}

function filterOf(options: EventsOptions): EventFilter {
  return {
    ...(options.type && { types: options.type }),
    ...(options.severity && { minimumSeverity: options.severity }),
    ...(options.engine !== undefined && { fqdn: options.engine }),
    ...(options.scope !== undefined && { scope: options.scope }),
    ...(options.since && { since: options.since }),
    ...(options.until && { until: options.until }),
    ...(options.text !== undefined && { text: options.text }),
  };
}

const severityStyles: Readonly<Record<Severity, Style>> = {
  normal: "green",
  warning: "yellow",
  error: "red",
  alert: ["bold", "red"],
};
const severityWidth = Math.max(...Object.keys(severities).map((name) => name.length));

function printEvents(stdout: Output, events: readonly Event[], options: Pick<EventsOptions, "json">): void {
  for (const event of events)
    stdout.write(`${options.json ? JSON.stringify(eventAsJson(event)) : renderEvent(event, stdout.paint)}\n`);
}

/** An event as `events --json` prints it. `severity` is its name: normal, warning, error or alert. Keys may be added, none renamed. */
function eventAsJson(event: Event) {
  return {
    id: event.id,
    log_time: event.logTime.toISOString(),
    type: event.type,
    code: event.code,
    severity: event.severity,
    fqdn: event.fqdn,
    scope: event.scope,
    message: event.message,
  };
}

function renderEvent(event: Event, paint: Output["paint"]): string {
  const severity = paint(severityStyles[event.severity], event.severity.padEnd(severityWidth));
  return `${tellMoment(event.logTime)}  ${severity}  ${event.type}\n    ${indented(event.message, 4)}`;
}

function collectTypes(text: string, former: readonly EventType[] | undefined): readonly EventType[] {
  const names = Object.keys(eventTypes) as EventType[];
  const type = names.find((name) => name === text.toUpperCase() || String(eventTypes[name].code) === text);
  if (type) return [...(former ?? []), type];
  const near = nearestWord(text, names);
  throw new InvalidArgumentError(near === null ? `It must be one of ${names.join(", ")}.` : `Did you mean ${near}?`);
}
