import { type Command, Option } from "commander";
import type { CommandContext } from "../command-context.ts";
import { examples, newProgram } from "../new-program.ts";
import { backUp } from "./backup-mode.ts";
import { describeOption, optionFlags } from "./describe-option.ts";
import type { Mode, OptionDefinition } from "./option-definition.ts";
import { list } from "./list-mode.ts";
import { optionTable, type OptionValues } from "./option-table.ts";
import { restore } from "./restore-mode.ts";
import { verify } from "./verify-mode.ts";
import { demandNothingLeft, type GivenOption, readOptions } from "./read-options.ts";

/** Each mode has a file of its own beside this one. */
const performers: Readonly<Record<Mode, (context: CommandContext, options: OptionValues) => Promise<void>>> = {
  backup: backUp,
  verify,
  restore,
  list,
};

/** The program `engine-backup`. */
export function engineBackupProgram(context: CommandContext): Command {
  const given: GivenOption[] = [];
  const program = newProgram(
    context,
    "Backs up the application's databases and files into one archive, reads it back, reports each scope; verifies archives and restores them.",
  )
    .usage("[--mode=MODE] [--scope=SCOPE]… [--file=FILE] [--log=FILE] …")
    // What is not known is told by us: with what was probably meant, also for --scop=db.
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText(
      "after",
      examples(
        ["engine-backup --mode=backup", "all that is configured, into the archive directory"],
        ["engine-backup --mode=backup --scope=db --scope=files", "these two scopes"],
        ["engine-backup --mode=backup --file=/backup/today.tar.zst --log=/backup/today.log", "to a place of your own"],
        ["engine-backup --mode=backup --file=- | ssh vault 'cat > engine.tar.zst'", "to another host"],
        ["engine-backup --mode=verify", "read the newest archive to its end"],
        ["engine-backup --list", "which archives there are"],
        [
          "engine-backup --keep=14 --keep-days=30",
          "back up all, then remove what is older and not among the 14 newest",
        ],
        ["engine-backup --mode=verify --file=/backup/today.tar.zst", "another one, ours or oVirt's"],
        ["engine-backup --mode=restore --file=/backup/today.tar.zst --dry-run", "what a restore would do"],
        ["engine-backup --mode=restore --file=/backup/today.tar.zst --scope=db --force", "replace the database"],
        ["engine-backup --mode=backup --exclude-table-data='audit_*'", "without these tables' rows"],
      ),
    )
    .action(async () => {
      demandNothingLeft(program.args);
      const { mode, options } = readOptions(given);
      await performers[mode](context, options);
    });
  for (const definition of optionTable) addOption(program, definition, given);
  return program;
}

function addOption(program: Command, definition: OptionDefinition, given: GivenOption[]): void {
  const { name, aliases = [], group } = definition;
  program.addOption(new Option(optionFlags(definition), describeOption(definition)).helpGroup(group));
  for (const alias of aliases) program.addOption(new Option(optionFlags({ ...definition, name: alias })).hideHelp());
  for (const spelling of [name, ...aliases]) {
    program.on(`option:${spelling}`, (text: unknown) => {
      given.push({ definition, text: typeof text === "string" ? text : null });
    });
  }
}
