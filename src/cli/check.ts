import type { Command } from "commander";
import { type Alert, readAlerts } from "../database/alerts.ts";
import { readCheckRecord, runCheck } from "../database/check.ts";
import { alertAsJson, renderAlert } from "./render-alert.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { tellMoment } from "../contract/tell-time.ts";
import { withDatabase } from "./with-database.ts";

/** `backup-awareness check`: runs the check now, whether or not a daemon runs. */
export function addCheckCommand(program: Command, context: CommandContext): void {
  program
    .command("check")
    .summary("run the check now: raise and clear alerts")
    .description("Runs the check now, with or without the daemon, and tells what it raised and cleared.")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness check", "what changed"],
        ["backup-awareness check --json | jq '.raised | length'", "how many alerts are new"],
      ),
    )
    .action(async (options: { json?: true }) => {
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
