import { modes, type OptionDefinition } from "./option-definition.ts";

/** `-T, --exclude-table <PATTERN>`: as commander reads it and the help shows it. */
export function optionFlags({ name, short, argument }: OptionDefinition): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${argument === null ? "" : ` <${argument.name}>`}`;
}

/** What it means, which words it takes, with which modes it goes and what holds without it. */
export function describeOption({ argument, modes: belongsTo, help, byDefault }: OptionDefinition): string {
  const notes = [
    ...(argument?.kind === "choice" ? [argument.values.join(", ")] : []),
    ...tellModes(belongsTo),
    ...(byDefault === undefined ? [] : [`default: ${byDefault}`]),
  ];
  return notes.length === 0 ? help : `${help} (${notes.join("; ")})`;
}

/** Nothing where it goes with all that `--mode` takes. */
function tellModes(belongsTo: OptionDefinition["modes"]): string[] {
  const named = modes.filter((mode) => belongsTo.includes(mode));
  return named.length === 0 || named.length === modes.length ? [] : [`with --mode=${named.join("|")}`];
}
