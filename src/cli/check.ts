import { type Command, CommanderError } from "commander";
import { pluginStatuses } from "../awareness/judge-fleet.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { type Alert, readAlerts } from "../database/alerts.ts";
import { readCheckRecord, runCheck } from "../database/check.ts";
import { checkAsPlugin, defaultPluginTimeout, type PluginOptions } from "./check-plugin.ts";
import { alertAsJson, renderAlert } from "./render-alert.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { renderUnknown } from "./render-plugin-output.ts";
import { printJson } from "./print-json.ts";
import { tellMoment } from "../contract/tell-time.ts";
import { withDatabase } from "./with-database.ts";

type CheckOptions = PluginOptions & { readonly json?: true; readonly nagios?: true };

/** `backup-awareness check`: runs the check now, whether or not a daemon runs; or tells a monitoring system how it stands. */
export function addCheckCommand(program: Command, context: CommandContext): void {
  program
    .command("check")
    .summary("run the check now, or be a monitoring plugin (--nagios)")
    .description(
      "Runs the check now, with or without the daemon, and tells what it raised and cleared. With --nagios it runs none and changes nothing: it tells Nagios, Icinga and their kin how it stands, in their form and by their exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
    )
    .option("--json", "print it as JSON")
    .option("--nagios", "be a monitoring plugin; the options below are for it")
    .option("--engine <fqdn...>", "only these engines")
    .option("-w, --warning <age>", "WARNING when the full backup is older, as 20h")
    .option("-c, --critical <age>", "CRITICAL when it is older, as 1d; default: each engine's own alert period")
    .option("-t, --timeout <time>", `UNKNOWN when it takes longer; default: ${defaultPluginTimeout}`)
    .addHelpText(
      "after",
      examples(
        ["backup-awareness check", "what changed"],
        ["backup-awareness check --json | jq '.raised | length'", "how many alerts are new"],
        ["backup-awareness check --nagios", "are all engines safe?"],
        ["backup-awareness check --nagios --engine db1.example.com -w 20h -c 1d", "is this one?"],
      ),
    )
    .exitOverride((error) => {
      // Wrong usage must not look like an engine in trouble.
      const { rawArgs } = program as Command & { readonly rawArgs: readonly string[] };
      if (error.exitCode === 0 || !rawArgs.includes("--nagios")) throw error;
      const { status, text } = renderUnknown(error.message);
      context.stdout.write(text);
      throw new CommanderError(pluginStatuses.indexOf(status), error.code, error.message);
    })
    .action(async (options: CheckOptions) => {
      if (options.nagios) {
        await checkAsPlugin(context, options);
        return;
      }
      demandNoPluginOptions(options);
      const outcome = await check(context);
      if (options.json) {
        printJson(context.stdout, {
          checked_at: outcome.checkedAt?.toISOString() ?? null,
          enabled: outcome.enabled,
          skipped_engines: outcome.skippedEngines,
          raised: outcome.raised.map(alertAsJson),
          cleared: outcome.cleared.map(alertAsJson),
        });
      } else context.stdout.write(render(outcome, context));
    });
}

function demandNoPluginOptions(options: CheckOptions): void {
  const given = (["engine", "warning", "critical", "timeout"] as const).find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new BackupAwarenessError("USAGE", `--${given} is of no use without --nagios`, {
    hint: "the check is always run for all engines",
  });
}

type Outcome = {
  readonly checkedAt: Date | null;
  readonly enabled: boolean;
  readonly skippedEngines: number;
  readonly raised: readonly Alert[];
  readonly cleared: readonly Alert[];
};

async function check(context: CommandContext): Promise<Outcome> {
  return withDatabase(context, async ({ pool }) => {
    const { raised, cleared } = await runCheck(pool);
    const record = await readCheckRecord(pool);
    return {
      checkedAt: record.checkedAt,
      enabled: record.periodHours !== null,
      skippedEngines: record.skippedEngines,
      raised: await readAlerts(pool, { ids: raised }),
      cleared: await readAlerts(pool, { ids: cleared }),
    };
  });
}

function render(outcome: Outcome, context: CommandContext): string {
  const { paint } = context.stdout;
  const at = outcome.checkedAt === null ? "" : ` at ${tellMoment(outcome.checkedAt)}`;
  const changed = outcome.raised.length + outcome.cleared.length > 0;
  const lines = [
    `Checked${at}: ${changed ? `${outcome.raised.length} raised, ${outcome.cleared.length} cleared` : "nothing changed"}.`,
  ];
  if (!outcome.enabled) lines.push(paint(["bold", "yellow"], "BACKUP AWARENESS IS DISABLED: nobody is warned."));
  for (const alert of outcome.raised)
    lines.push("", `${paint(["bold", "red"], "raised")}  ${renderAlert(alert, context.now(), paint)}`);
  for (const alert of outcome.cleared)
    lines.push("", `${paint(["bold", "green"], "cleared")} ${renderAlert(alert, context.now(), paint)}`);
  if (outcome.skippedEngines > 0) {
    lines.push(
      "",
      `${outcome.skippedEngines} left out: a report about them has not been committed; it settles them itself.`,
    );
  }
  return `${lines.join("\n")}\n`;
}
