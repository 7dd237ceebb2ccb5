import { Command } from "commander";
import type { CommandContext } from "./command-context.ts";

/**
 * A program with the habits that all of ours share: wrong usage throws (exit code 2) and suggests what may have been meant, and
 * help goes to stdout when it was asked for, to stderr when it was not. Commands added to it inherit them.
 */
export function newProgram(context: CommandContext, description: string): Command {
  return new Command(context.programName)
    .description(description)
    .version(context.programVersion, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => {
        context.stdout.write(text);
      },
      writeErr: (text) => {
        context.stderr.write(text);
      },
      outputError: (text, write) => {
        write(asErrorAndHint(text));
      },
      getOutHelpWidth: () => context.stdout.columns ?? 100,
      getErrHelpWidth: () => context.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

/** Commander's "(Did you mean run?)" in the form that all our errors have. */
function asErrorAndHint(text: string): string {
  return text.replace(/^\(Did you mean (.+?)\)$/m, "hint: did you mean $1").replace(/^\((.+)\)$/m, "hint: $1");
}

/** The end of a command's help: at least one example, each a line as one would type it, with what it does. */
export function examples(...lines: readonly (readonly [command: string, meaning: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, meaning]) => `  ${command.padEnd(width)}  # ${meaning}`).join("\n")}`;
}
