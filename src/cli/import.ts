import { type Command, InvalidArgumentError, Option } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { importerKinds, importerNamePattern, isImporterKind, type ImporterKind } from "../contract/importer.ts";
import type { ImportResult } from "../report/import/import-listing.ts";
import { runImporter } from "../report/import/run-importer.ts";
import { nearestWord } from "../settings/nearest-word.ts";
import type { ImporterSettings } from "../settings/settings.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { parseFqdn, parseScope } from "./parse-engine-words.ts";
import { wholeNumber } from "./parse-whole-number.ts";
import { printJson } from "./print-json.ts";
import { withDatabase } from "./with-database.ts";

type ImportOptions = {
  readonly scope: string;
  readonly engine?: string;
  readonly name?: string;
  readonly path?: string;
  readonly pattern?: string;
  readonly minSizeBytes: number;
  readonly timezone?: string;
  readonly acceptUnknown?: true;
  readonly json?: true;
};

/** `backup-awareness import`: asks a backup tool itself, once. */
export function addImportCommand(program: Command, context: CommandContext): void {
  program
    .command("import")
    .summary("record what a backup tool's own list holds")
    .usage("KIND --scope SCOPE [options] [-- COMMAND [ARGUMENT...]]")
    .description(
      "Reads a backup tool's own list, from standard input or from COMMAND, and records the backups in it that nobody has reported, with the tool's own times. Reading the same list twice records nothing twice. What the daemon reads by itself is set up in config.toml; see docs/tools.",
    )
    .argument("<kind>", `whose list it is: ${Object.keys(importerKinds).join(", ")}`, parseKind)
    .argument("[command...]", "what prints the list, after --")
    .addOption(
      new Option("--scope <scope>", "what it backs up: db, files, …").makeOptionMandatory().argParser(parseScope),
    )
    .addOption(new Option("--engine <fqdn>", "the engine it backs up (default: this host's)").argParser(parseFqdn))
    .addOption(
      new Option("--name <name>", "one list of a scope is told from another by it (default: the kind)").argParser(
        parseName,
      ),
    )
    .option("--path <directory>", "for dumps and backup-history: where the files are")
    .option("--pattern <pattern>", "for dumps: which files are such, as '*.dump'")
    .option("--min-size-bytes <number>", "for dumps: a smaller file is none", wholeNumber(0, 1e15), 1)
    .addOption(
      new Option("--timezone <zone>", "of times without one, as Europe/Berlin (default: this host's)").argParser(
        parseTimeZone,
      ),
    )
    .option("--accept-unknown", "where a list does not tell how a run ended, being listed counts as completed")
    .option("--json", "print what was found as JSON")
    .addHelpText(
      "after",
      examples(
        ["restic snapshots --json | backup-awareness import restic --scope files", "what is in a restic repository"],
        [
          "backup-awareness import pgbackrest --scope db -- pgbackrest --stanza=app info --output=json",
          "ask pgBackRest",
        ],
        [
          "backup-awareness import dumps --scope db --path /backup --pattern '*.dump'",
          "dump files, each read to its end",
        ],
      ),
    )
    .action(async (kind: ImporterKind, command: readonly string[], options: ImportOptions) => {
      await importOnce(context, kind, command, options);
    });
}

async function importOnce(
  context: CommandContext,
  kind: ImporterKind,
  command: readonly string[],
  options: ImportOptions,
): Promise<void> {
  const isDirectory = importerKinds[kind].source === "directory";
  refuseMisfits(kind, command, options);
  const result = await withDatabase(context, ({ pool }, settings) => {
    const importer: ImporterSettings = {
      name: options.name ?? kind,
      kind,
      scope: options.scope,
      fqdn: options.engine ?? settings.fqdn,
      command,
      path: options.path ?? null,
      pattern: options.pattern ?? null,
      minimumBytes: options.minSizeBytes,
      environment: {},
      timeZone: options.timezone ?? (command.length > 0 ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone),
      everyMs: 0,
      acceptsUnknown: options.acceptUnknown === true,
    };
    return runImporter({
      pool,
      importer,
      host: null,
      env: context.environment.env,
      input: isDirectory || command.length > 0 ? null : process.stdin,
      now: () => context.now(),
      signal: context.signal,
    });
  });
  if (result.fault !== null && result.listed === 0)
    throw new BackupAwarenessError("IMPORT_FAILED", result.fault, { hint: "it is recorded as an event" });
  if (options.json) printJson(context.stdout, result);
  else context.stdout.write(renderResult(result));
  if (result.fault !== null) {
    context.stderr.write(`warning: ${result.fault}\n`);
    context.setExitCode(1);
  }
}

function refuseMisfits(kind: ImporterKind, command: readonly string[], options: ImportOptions): void {
  const definition = importerKinds[kind];
  const isDirectory = definition.source === "directory";
  const usage = (message: string, hint: string): Error => new BackupAwarenessError("USAGE", message, { hint });
  if (isDirectory && options.path === undefined)
    throw usage(`${kind} reads a directory, and none is named`, "--path /backup");
  if (isDirectory && command.length > 0)
    throw usage(`${kind} reads a directory and runs nothing`, "leave the command out");
  if (!isDirectory && options.path !== undefined)
    throw usage(`${kind} reads what its tool prints, no directory`, "leave --path out");
  if (options.acceptUnknown === true && !definition.mayAcceptUnknown)
    throw usage(`--accept-unknown is nothing for ${kind}`, "its list tells how each backup ended");
  if (!isDirectory && command.length === 0 && process.stdin.isTTY) {
    const example =
      definition.command === null
        ? ""
        : `: backup-awareness import ${kind} --scope ${options.scope} -- ${definition.command.join(" ")}`;
    throw usage("nothing is on standard input", `name what prints the list after --${example}`);
  }
}

/** What came of it, in words. */
export function renderResult(result: ImportResult): string {
  const lines = [
    `${result.listed} backups are listed`,
    ...(result.recorded > 0 ? [`${result.recorded} of them are new`] : []),
    ...(result.history > 0 ? [`${result.history} older ones were found for the first time`] : []),
    ...(result.matched > 0 ? [`${result.matched} had been reported and are listed now`] : []),
    ...(result.gone > 0 ? [`${result.gone} are listed no longer`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function parseKind(text: string): ImporterKind {
  if (isImporterKind(text)) return text;
  const kinds = Object.keys(importerKinds);
  const near = nearestWord(text, kinds);
  throw new InvalidArgumentError(near === null ? `It is one of ${kinds.join(", ")}.` : `Did you mean ${near}?`);
}

function parseName(text: string): string {
  if (importerNamePattern.test(text)) return text;
  throw new InvalidArgumentError("It is a name of letters, digits, '.', '_' and '-'.");
}

function parseTimeZone(text: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw new InvalidArgumentError("There is no such time zone; it is as Europe/Berlin or UTC.");
  }
}
