import type { Command } from "commander";
import { describeEngine } from "../awareness/describe-engine.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import {
  addEngine,
  type EngineRow,
  readEngines,
  removeEngine,
  type RequiredScope,
  setRequiredScopes,
} from "../database/engines.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { printable } from "../contract/printable.ts";
import { renderTable } from "./render-table.ts";
import { collectRequireSpecs, formatRequireSpec } from "./require-spec.ts";
import { withDatabase } from "./with-database.ts";

const requireHelp =
  "a scope that a full backup must cover, as db, or with an alert period of its own in days or weeks, as db=1d or files=2w; repeat it for each scope";

/** `backup-awareness engines list|add|set|remove`. */
export function addEnginesCommand(program: Command, context: CommandContext): void {
  const engines = program
    .command("engines")
    .summary("list, add, set and remove the engines that are watched")
    .description(
      "The engines that are watched. One that reports a backup is known from then on; one that never reported is added by name.",
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness engines list", "all of them"],
        ["backup-awareness engines add db1.example.com", "watch one that never reported"],
        [
          "backup-awareness engines set db1.example.com --require db=1d --require files=1w",
          "what its full backup must cover",
        ],
      ),
    );
  addListCommand(engines, context);
  addAddCommand(engines, context);
  addSetCommand(engines, context);
  addRemoveCommand(engines, context);
}

function addListCommand(engines: Command, context: CommandContext): void {
  engines
    .command("list")
    .summary("list the engines")
    .description("Lists the engines with their state and what a full backup of each must cover.")
    .option("--json", "print them as JSON")
    .addHelpText("after", examples(["backup-awareness engines list --json | jq -r '.[].fqdn'", "their names"]))
    .action(async (options: { json?: true }) => {
      const rows = await withDatabase(context, ({ pool }) => readEngines(pool, null));
      if (options.json) printJson(context.stdout, rows.map(describeEngine));
      else context.stdout.write(renderEngines(rows));
    });
}

function addAddCommand(engines: Command, context: CommandContext): void {
  engines
    .command("add")
    .summary("watch an engine that has never reported")
    .description(
      "Makes an engine known. It has no full backup from now on, until it reports one. Adding one that is known changes nothing but what --require says.",
    )
    .argument("<fqdn>", "the engine's name, as it will report")
    .option("--require <spec>", requireHelp, collectRequireSpecs)
    .addHelpText(
      "after",
      examples(
        ["backup-awareness engines add db1.example.com", "by the option BackupFullScopes"],
        ["backup-awareness engines add db1.example.com --require db=1d", "only its database"],
      ),
    )
    .action(async (fqdn: string, options: { require?: readonly RequiredScope[] }) => {
      await withDatabase(context, async ({ pool }) => {
        const isNew = await addEngine(pool, fqdn, context.actor);
        if (options.require) await setRequiredScopes(pool, fqdn, options.require, context.actor);
        context.stderr.write(
          `engine ${printable(fqdn.toLowerCase())} ${isNew ? "is watched from now on" : "was known already"}\n`,
        );
        if (options.require) tellRequired(context, fqdn, options.require);
      });
    });
}

function addSetCommand(engines: Command, context: CommandContext): void {
  engines
    .command("set")
    .summary("say what a full backup of an engine must cover")
    .description(
      "Sets what a full backup of an engine must cover: the scopes named, and no others. It takes effect at once.",
    )
    .argument("<fqdn>", "the engine's name")
    .option("--require <spec>", requireHelp, collectRequireSpecs)
    .option("--require-default", "what the option BackupFullScopes says, again")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness engines set db1.example.com --require db=1d --require files=1w", "two scopes, two periods"],
        ["backup-awareness engines set db1.example.com --require-default", "as all the others"],
      ),
    )
    .action(async (fqdn: string, options: { require?: readonly RequiredScope[]; requireDefault?: true }) => {
      if ((options.require === undefined) === (options.requireDefault === undefined)) {
        throw new BackupAwarenessError(
          "USAGE",
          "engines set takes either --require, once or several times, or --require-default",
          {
            hint: "as in: backup-awareness engines set db1.example.com --require db=1d --require files",
          },
        );
      }
      await withDatabase(context, ({ pool }) => setRequiredScopes(pool, fqdn, options.require ?? [], context.actor));
      tellRequired(context, fqdn, options.require ?? []);
    });
}

function addRemoveCommand(engines: Command, context: CommandContext): void {
  engines
    .command("remove")
    .summary("watch an engine no longer")
    .description(
      "Forgets an engine and clears its alerts. What was logged of it stays. If it reports again, it is known again and starts with nothing.",
    )
    .argument("<fqdn>", "the engine's name")
    .addHelpText("after", examples(["backup-awareness engines remove old.example.com", "it was switched off"]))
    .action(async (fqdn: string) => {
      await withDatabase(context, ({ pool }) => removeEngine(pool, fqdn, context.actor));
      context.stderr.write(`engine ${printable(fqdn.toLowerCase())} is watched no longer\n`);
    });
}

function tellRequired(context: CommandContext, fqdn: string, required: readonly RequiredScope[]): void {
  const told =
    required.length === 0 ? "what the option BackupFullScopes says" : required.map(formatRequireSpec).join(" ");
  context.stderr.write(`a full backup of ${printable(fqdn.toLowerCase())} must cover ${told}\n`);
}

function renderEngines(rows: readonly EngineRow[]): string {
  return renderTable(
    ["ENGINE", "STATE", "REQUIRED"],
    rows.map((engine) => [engine.fqdn, engine.state, engine.required.map(formatRequireSpec).join(" ")]),
  );
}
