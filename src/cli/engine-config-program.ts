import type { Command } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { type OptionDefinition, optionDefinitions } from "../contract/option.ts";
import { allowedValues, formatOptionValue, parseOptionValue } from "../contract/option-value.ts";
import { type Option, readOptions, setOption } from "../database/options.ts";
import { nearestWord } from "../settings/nearest-word.ts";
import type { CommandContext } from "./command-context.ts";
import { examples, newProgram } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { printable } from "../contract/printable.ts";
import { withDatabase } from "./with-database.ts";

type Actions = {
  readonly list?: true;
  readonly all?: true;
  readonly get?: readonly string[];
  readonly set?: readonly string[];
  readonly reset?: readonly string[];
  readonly onlyChanged?: true;
  readonly json?: true;
};

/** The program `engine-config`: lists, reads and sets the options. */
export function engineConfigProgram(context: CommandContext): Command {
  const collect = (text: string, former: readonly string[] | undefined): readonly string[] => [...(former ?? []), text];
  return newProgram(
    context,
    "Lists, reads and sets the options: the policy, kept in the database. A change takes effect at once, and is an event that says who made it.",
  )
    .usage("-l | -a | -g KEY | -s KEY=VALUE | --reset=KEY")
    .option("-l, --list", "list the options: name, type, range, default, meaning")
    .option("-a, --all", "print every option and its value")
    .option("-g, --get <key>", "print the value of one option", collect)
    .option("-s, --set <key=value>", "set one option", collect)
    .option("--reset <key>", "let one option follow its default again", collect)
    .option("--only-changed", "with --all, or by itself: only options that differ from their default")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      examples(
        ["engine-config -a", "every option and its value"],
        ["engine-config -s BackupAlertPeriodInDays=2", "a full backup may be two days old"],
        ["engine-config -s BackupFullScopes=db,dwhdb,files", "what a full backup must cover"],
        ["engine-config -s BackupCheckPeriodInHours=-1", "nobody is warned any more"],
        ["engine-config --reset=BackupCheckPeriodInHours", "the default again"],
      ),
    )
    .action(async (actions: Actions) => {
      await carryOut(context, actions);
    });
}

async function carryOut(context: CommandContext, actions: Actions): Promise<void> {
  const action = oneAction(actions);
  const json = actions.json === true;
  switch (action.kind) {
    case "list":
      if (json) printJson(context.stdout, optionDefinitions.map(definitionAsJson));
      else context.stdout.write(optionDefinitions.map(renderDefinition).join("\n"));
      return;
    case "all": {
      const options = await withDatabase(context, ({ pool }) => readOptions(pool));
      const shown = actions.onlyChanged ? options.filter(differsFromDefault) : options;
      if (json) printJson(context.stdout, shown.map(optionAsJson));
      else
        for (const option of shown)
          context.stdout.write(`${option.definition.name}: ${printable(formatOptionValue(option.value))}\n`);
      return;
    }
    case "get": {
      const definition = findOption(action.key);
      const option = await withDatabase(context, async ({ pool }) => theOption(await readOptions(pool), definition));
      if (json) printJson(context.stdout, optionAsJson(option));
      else context.stdout.write(`${printable(formatOptionValue(option.value))}\n`);
      return;
    }
    case "set":
      await change(context, findOption(action.key), action.text, json);
      return;
    case "reset":
      await change(context, findOption(action.key), null, json);
  }
}

type Action =
  | { readonly kind: "list" | "all" }
  | { readonly kind: "get" | "reset"; readonly key: string }
  | { readonly kind: "set"; readonly key: string; readonly text: string };

/** The one thing that is asked for. @throws USAGE where that is nothing, or more than one. */
function oneAction(given: Actions): Action {
  const actions: Action[] = [
    ...(given.list ? [{ kind: "list" } as const] : []),
    ...(given.all ? [{ kind: "all" } as const] : []),
    ...(given.get ?? []).map((key) => ({ kind: "get", key }) as const),
    ...(given.set ?? []).map(parseSetting),
    ...(given.reset ?? []).map((key) => ({ kind: "reset", key }) as const),
  ];
  if (actions.length === 0 && given.onlyChanged) return { kind: "all" };
  const [action] = actions;
  const hint = "engine-config --help shows what it can do";
  if (action === undefined)
    throw new BackupAwarenessError("USAGE", "nothing was asked for: one of -l, -a, -g, -s, --reset is needed", {
      hint,
    });
  if (actions.length > 1)
    throw new BackupAwarenessError(
      "USAGE",
      "only one of -l, -a, -g, -s, --reset can be done at a time, and one option at a time; nothing was changed",
      { hint },
    );
  if (given.onlyChanged && action.kind !== "all")
    throw new BackupAwarenessError("USAGE", "--only-changed goes with --all", { hint });
  return action;
}

function parseSetting(text: string): Action {
  const sign = text.indexOf("=");
  if (sign === -1) {
    throw new BackupAwarenessError("USAGE", `${JSON.stringify(text)} has no "=": --set takes KEY=VALUE`, {
      hint: "as in: engine-config -s BackupAlertPeriodInDays=2",
    });
  }
  return { kind: "set", key: text.slice(0, sign), text: text.slice(sign + 1) };
}

/** @throws OPTION_UNKNOWN, with the name that was probably meant */
function findOption(key: string): OptionDefinition {
  const names = optionDefinitions.map(({ name }) => name);
  const definition = optionDefinitions.find(({ name }) => name === key);
  if (definition) return definition;
  const begun = names.filter((name) => key !== "" && name.toLowerCase().startsWith(key.toLowerCase()));
  const near = begun.length === 1 ? begun[0] : nearestWord(key, names);
  throw new BackupAwarenessError("OPTION_UNKNOWN", `there is no option ${JSON.stringify(key)}`, {
    hint: near == null ? "engine-config -l lists them" : `did you mean ${near}?`,
  });
}

/** Sets an option, with null to its default, and says on stderr what that changed. */
async function change(
  context: CommandContext,
  definition: OptionDefinition,
  text: string | null,
  json: boolean,
): Promise<void> {
  const value = text === null ? null : parseOptionValue(definition, text);
  const { before, after } = await withDatabase(context, async ({ pool }) => {
    const former = theOption(await readOptions(pool), definition);
    await setOption(pool, definition.name, value, context.actor);
    return { before: former, after: theOption(await readOptions(pool), definition) };
  });
  const [formerText, newText] = [before, after].map((option) => shown(option.value));
  const { name } = definition;
  context.stderr.write(
    formerText === newText
      ? `${name} is ${newText ?? ""} already\n`
      : `${name} is ${newText ?? ""} now; it was ${formerText ?? ""}\n`,
  );
  if (json) printJson(context.stdout, optionAsJson(after));
}

function theOption(options: readonly Option[], definition: OptionDefinition): Option {
  const option = options.find((candidate) => candidate.definition.name === definition.name);
  if (!option) throw new Error(`the option ${definition.name} is not in the database`);
  return option;
}

function differsFromDefault(option: Option): boolean {
  return formatOptionValue(option.value) !== formatOptionValue(option.definition.defaultValue);
}

function shown(value: Option["value"]): string {
  return printable(formatOptionValue(value)) || "(empty)";
}

function renderDefinition(definition: OptionDefinition): string {
  return `${definition.name}\n    ${definition.help}\n    ${allowedValues(definition)}; default: ${shown(definition.defaultValue)}\n`;
}

/** `value` and `default` are a number where `type` is `integer`, an array of strings where it is `scopes` or `patterns`. */
function optionAsJson(option: Option) {
  return {
    name: option.definition.name,
    value: option.value,
    default: option.definition.defaultValue,
    type: option.definition.type,
    is_set: option.isSet,
    changed_at: option.changedAt?.toISOString() ?? null,
    changed_by: option.changedBy,
  };
}

function definitionAsJson(definition: OptionDefinition) {
  const range =
    definition.type === "integer"
      ? { minimum: definition.minimum, maximum: definition.maximum, special: definition.special }
      : {};
  return {
    name: definition.name,
    type: definition.type,
    ...range,
    default: definition.defaultValue,
    allowed: allowedValues(definition),
    help: definition.help,
  };
}
