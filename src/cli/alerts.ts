import { type Command, InvalidArgumentError } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { dismissAlert, readAlerts } from "../database/alerts.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { alertAsJson, renderAlert } from "./render-alert.ts";
import { withDatabase } from "./with-database.ts";

/** `backup-awareness alerts` and `alerts dismiss`. */
export function addAlertsCommand(program: Command, context: CommandContext): void {
  const alerts = program
    .command("alerts")
    .summary("list open alerts, or dismiss them")
    .description(
      "Lists the open alerts, the oldest first. A dismissed one is shown with --all: it is open until its cause is gone.",
    )
    .enablePositionalOptions()
    .option("--all", "also those that were dismissed")
    .option("--json", "print them as JSON")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness alerts", "what is open and was not dismissed"],
        ["backup-awareness alerts --all --json", "all that is open, for a script"],
        ["backup-awareness alerts dismiss 12 --note 'moves on Friday'", "mark it as seen"],
      ),
    )
    .action(async (options: { all?: true; json?: true }) => {
      await listAlerts(context, { all: options.all === true, json: options.json === true });
    });
  alerts
    .command("dismiss")
    .summary("mark open alerts as seen")
    .description(
      "Marks open alerts as seen. They leave the list, stay open and stay in the events. Either all of them or, with an error, none.",
    )
    .argument("<id...>", "the alerts' numbers", collectIds)
    .option("--note <text>", "why; it stands in the event")
    .option("--json", "print them as JSON")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness alerts dismiss 12 13", "two at once"],
        ["backup-awareness alerts dismiss 12 --note 'moves on Friday'", "with a reason"],
      ),
    )
    .action(async (ids: readonly number[], options: { note?: string; json?: true }) => {
      await dismissAlerts(context, ids, options.note ?? null, options.json === true);
    });
}

async function listAlerts(
  context: CommandContext,
  options: { readonly all: boolean; readonly json: boolean },
): Promise<void> {
  const open = await withDatabase(context, ({ pool }) => readAlerts(pool));
  const shown = options.all ? open : open.filter(({ dismissedAt }) => dismissedAt === null);
  if (options.json) {
    printJson(context.stdout, shown.map(alertAsJson));
    return;
  }
  const { stdout, stderr } = context;
  for (const alert of shown) stdout.write(`${renderAlert(alert, context.now(), stdout.paint)}\n`);
  const hidden = open.length - shown.length;
  if (open.length === 0) stderr.write("no alert is open\n");
  if (hidden > 0) stderr.write(`${hidden} open but dismissed; --all shows ${hidden === 1 ? "it" : "them"}\n`);
}

async function dismissAlerts(
  context: CommandContext,
  ids: readonly number[],
  note: string | null,
  json: boolean,
): Promise<void> {
  const alerts = await withDatabase(context, async ({ pool }) => {
    const found = await readAlerts(pool, { ids });
    const missing = ids.find((id) => !found.some((alert) => alert.id === id && alert.clearedAt === null));
    if (missing !== undefined) {
      const cleared = found.some(({ id }) => id === missing);
      throw new BackupAwarenessError(
        "ALERT_UNKNOWN",
        cleared ? `the alert ${missing} is not open any more` : `there is no open alert ${missing}`,
        {
          hint: "`backup-awareness alerts` lists the open ones with their numbers; nothing was dismissed",
        },
      );
    }
    const fresh = new Set<number>();
    for (const id of ids) if (await dismissAlert(pool, id, context.actor, note)) fresh.add(id);
    for (const id of new Set(ids)) {
      context.stderr.write(
        `alert ${id} ${fresh.has(id) ? "is dismissed; it stays open until its cause is gone" : "was dismissed already"}\n`,
      );
    }
    return readAlerts(pool, { ids });
  });
  if (json) printJson(context.stdout, alerts.map(alertAsJson));
}

function collectIds(text: string, former: readonly number[] | undefined): readonly number[] {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError("It must be the number of an alert.");
  return [...(former ?? []), Number(text)];
}
