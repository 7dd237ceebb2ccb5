import { BackupAwarenessError } from "../../contract/errors.ts";
import { nearestWord } from "../../settings/nearest-word.ts";
import type { Mode, OptionArgument, OptionDefinition } from "./option-definition.ts";
import { optionTable, type OptionValues } from "./option-table.ts";

/** An option as it stands on the command line. */
export type GivenOption = {
  readonly definition: OptionDefinition;
  /** What stands after it; null: nothing. */
  readonly text: string | null;
};

/** What a command line asks for. Throws USAGE, saying what to write instead, where it cannot be understood or contradicts itself. */
export function readOptions(given: readonly GivenOption[]): { readonly mode: Mode; readonly options: OptionValues } {
  const values = new Map<string, unknown>();
  for (const { definition, text } of given) {
    const value = definition.argument === null ? true : readArgument(definition.name, definition.argument, text ?? "");
    const former = values.get(definition.name);
    if (definition.repeats === true)
      values.set(definition.name, [...(Array.isArray(former) ? (former as unknown[]) : []), value]);
    else if (former === undefined || former === value) values.set(definition.name, value);
    else {
      throw usage(
        `--${definition.name} is given twice: ${JSON.stringify(former)} and ${JSON.stringify(value)}`,
        "leave one of them out",
      );
    }
  }
  // The table's types say what readArgument has made of each.
  const options = Object.fromEntries(values) as OptionValues;
  const mode = options.list === true ? "list" : (options.mode ?? "backup");
  demandConsistent(
    given.map(({ definition }) => definition),
    mode,
  );
  return { mode, options };
}

/** What cannot be understood on a command line: `words` are what is left when every known option has been taken. Throws USAGE. */
export function demandNothingLeft(words: readonly string[]): void {
  const option = words.find((word) => word.startsWith("-") && word !== "-");
  if (option !== undefined) {
    const [name = ""] = option.replace(/^-+/, "").split("=", 1);
    const known: readonly OptionDefinition[] = optionTable;
    const nearest = nearestWord(
      name,
      known.map((definition) => definition.name),
    );
    throw usage(
      `unknown option "${option}"`,
      nearest === null ? "engine-backup --help shows all options, with examples" : `did you mean --${nearest}?`,
    );
  }
  const [word] = words;
  if (word !== undefined)
    throw usage(
      `"${word}" belongs to no option`,
      "values follow their option: --scope=db --file=/backup/today.tar.zst",
    );
}

function readArgument(name: string, argument: OptionArgument, text: string): string | number {
  switch (argument.kind) {
    case "text":
      if (text === "") throw usage(`--${name} is given without a value`, `as in: --${name}=${argument.name}`);
      return text;
    case "choice": {
      const value = argument.values.find((each) => each.toLowerCase() === text.toLowerCase());
      if (value !== undefined) return value;
      const nearest = nearestWord(text, argument.values);
      throw usage(
        `--${name}=${text}: allowed are ${argument.values.join(", ")}`,
        nearest === null ? `as in: --${name}=${argument.values[0] ?? ""}` : `did you mean --${name}=${nearest}?`,
      );
    }
    case "number": {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= argument.minimum && value <= argument.maximum) return value;
      throw usage(
        `--${name}=${text}: allowed are whole numbers from ${argument.minimum} to ${argument.maximum}`,
        `as in: --${name}=${argument.minimum}`,
      );
    }
  }
}

function demandConsistent(given: readonly OptionDefinition[], mode: Mode): void {
  const names = new Set(given.map(({ name }) => name));
  for (const { name, modes, contradicts = [], needs } of given) {
    const clash = contradicts.find(({ option }) => names.has(option));
    if (clash !== undefined) throw usage(`--${name} and --${clash.option} contradict each other`, clash.instead);
    if (!modes.includes(mode)) {
      const [first = "backup"] = modes;
      throw usage(
        `--${name} belongs to ${modes.map(spelled).join(" and ")}, not to ${spelled(mode)}`,
        `leave it out, or write ${spelled(first)}`,
      );
    }
    if (needs === undefined || (needs.inMode !== undefined && needs.inMode !== mode)) continue;
    const needed = [needs.option, ...(needs.orOption === undefined ? [] : [needs.orOption])];
    if (!needed.some((option) => names.has(option)))
      throw usage(`--${name} says nothing without --${needed.join(" or --")}`, needs.instead);
  }
}

function spelled(mode: Mode): string {
  return mode === "list" ? "--list" : `--mode=${mode}`;
}

function usage(message: string, hint: string): BackupAwarenessError {
  return new BackupAwarenessError("USAGE", message, { hint });
}
