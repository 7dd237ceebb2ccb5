import type { Command } from "commander";
import { readStatus } from "../awareness/read-status.ts";
import { worstFirst } from "../awareness/worst-first.ts";
import { scopesBesideArchive } from "../backup/beside-archive.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { Status } from "../contract/state.ts";
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
    demandEngines(status, fqdns ?? []);
    return {
      ...status,
      protects_only_itself: settings.protectsOnlyItself,
      archive_beside_scopes: await scopesBesideArchive(settings),
      engines: worstFirst(status.engines),
    };
  });
}

/** A misspelt name must not look like an engine without trouble. */
function demandEngines(status: Status, fqdns: readonly string[]): void {
  const known = new Set(status.engines.map(({ fqdn }) => fqdn));
  const unknown = fqdns.find((fqdn) => !known.has(fqdn.toLowerCase()));
  if (unknown === undefined) return;
  throw new BackupAwarenessError("ENGINE_UNKNOWN", `there is no engine ${JSON.stringify(unknown)}`, {
    hint: "`backup-awareness engines list` lists them; `engines add` makes one known that has never reported",
  });
}
