import type { Command } from "commander";
import { demandEngines } from "../awareness/demand-engines.ts";
import { readStatus } from "../awareness/read-status.ts";
import { worstFirst } from "../awareness/worst-first.ts";
import { scopesBesideArchive } from "../backup/beside-archive.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { renderStatus, type ShownStatus } from "./render-status.ts";
import { withDatabase } from "./with-database.ts";

/** `backup-awareness status`: the state of every engine, the worst first. */
export function addStatusCommand(program: Command, context: CommandContext): void {
  program
    .command("status")
    .summary("show whether each engine has a full and fresh backup")
    .description(
      "Shows the state of every engine, the worst first: since when, its last full backup, each scope, open alerts.",
    )
    .option("--engine <fqdn...>", "only these engines")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness status", "every engine"],
        ["backup-awareness status --engine db1.example.com", "one engine"],
        [
          `backup-awareness status --json | jq -r '.engines[] | select(.state != "fresh") | .fqdn'`,
          "who is in trouble",
        ],
      ),
    )
    .action(async (options: { engine?: string[]; json?: true }) => {
      const shown = await readShownStatus(context, options.engine ?? null);
      if (options.json) printJson(context.stdout, shown);
      else context.stdout.write(renderStatus(shown, context.now(), context.stdout.paint));
    });
}

async function readShownStatus(context: CommandContext, fqdns: readonly string[] | null): Promise<ShownStatus> {
  return withDatabase(context, async ({ pool }, settings) => {
    const status = await readStatus(pool, settings.fqdn, fqdns);
    demandEngines(status.engines, fqdns ?? []);
    return {
      ...status,
      protects_only_itself: settings.protectsOnlyItself,
      archive_beside_scopes: await scopesBesideArchive(settings),
      engines: worstFirst(status.engines),
    };
  });
}
