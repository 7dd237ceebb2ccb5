import type { Command } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { type ImporterStatus, readImporters, removeImporter } from "../database/importers.ts";
import { importingHost, runImporter } from "../report/import/run-importer.ts";
import type { CommandContext } from "./command-context.ts";
import { renderResult } from "./import.ts";
import { examples } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { printable } from "../contract/printable.ts";
import { tellMomentAndAge } from "../contract/tell-time.ts";
import { withDatabase } from "./with-database.ts";

/** `backup-awareness importers`: the tools whose own lists are read. */
export function addImportersCommand(program: Command, context: CommandContext): void {
  const importers = program
    .command("importers")
    .summary("show, run and forget what reads backup tools' own lists")
    .description("An importer reads the list that a backup tool keeps itself; docs/tools says how to set one up.")
    .addHelpText("after", examples(["backup-awareness importers", "what each found, and when"]));
  importers
    .command("list", { isDefault: true })
    .summary("show them, with what they found")
    .description("Shows the importers that have run: what each reads, when it was read last, and its newest backup.")
    .option("--json", "print an array")
    .addHelpText("after", examples(["backup-awareness importers", "what each found, and when"]))
    .action(async (options: { json?: true }) => {
      const rows = await withDatabase(context, ({ pool }) => readImporters(pool));
      if (options.json) printJson(context.stdout, rows.map(asJson));
      else if (rows.length === 0) context.stderr.write("no importer has run; see docs/tools\n");
      else for (const row of rows) context.stdout.write(render(row, context.now()));
    });
  importers
    .command("run")
    .summary("run one of config.toml now")
    .description(
      "Reads the list of an importer that config.toml names, at once, as the daemon does when its time has come.",
    )
    .argument("<name>", "as in [importers.NAME]")
    .addHelpText("after", examples(["backup-awareness importers run nightly", "as the daemon does, at once"]))
    .action(async (name: string) => {
      await run(context, name);
    });
  importers
    .command("remove")
    .summary("forget one that is read no longer")
    .description(
      "Forgets what it listed and clears its alerts; the backups that it found stay. One that config.toml names comes back.",
    )
    .argument("<name>", "as `importers list` shows it")
    .addHelpText("after", examples(["backup-awareness importers remove restic", "the repository was given up"]))
    .action(async (name: string) => {
      const found = await withDatabase(context, ({ pool }) => removeImporter(pool, name, context.actor));
      if (!found) throw unknownImporter(name, "backup-awareness importers shows those that have run");
      context.stderr.write(`importer ${name} is forgotten\n`);
    });
}

async function run(context: CommandContext, name: string): Promise<void> {
  const result = await withDatabase(context, ({ pool }, settings) => {
    const importer = settings.importers.find((each) => each.name === name);
    if (importer === undefined) {
      const known = settings.importers.map((each) => each.name).join(", ");
      throw unknownImporter(name, known === "" ? "config.toml names none" : `config.toml names ${known}`);
    }
    return runImporter({
      pool,
      importer,
      host: importingHost(),
      env: context.environment.env,
      input: null,
      now: () => context.now(),
      signal: context.signal,
    });
  });
  if (result.fault !== null && result.listed === 0)
    throw new BackupAwarenessError("IMPORT_FAILED", result.fault, { hint: "it is recorded as an event" });
  context.stdout.write(renderResult(result));
  if (result.fault !== null) {
    context.stderr.write(`warning: ${result.fault}\n`);
    context.setExitCode(1);
  }
}

function unknownImporter(name: string, hint: string): BackupAwarenessError {
  return new BackupAwarenessError("USAGE", `there is no importer ${JSON.stringify(name)}`, { hint });
}

function render(importer: ImporterStatus, now: Date): string {
  const when = (moment: Date | null): string =>
    moment === null ? "never" : tellMomentAndAge(moment.toISOString(), now);
  const lines = [
    `${printable(importer.name)}  ${importer.kind}, scope ${importer.scope} of ${printable(importer.fqdn)}`,
    `  read     ${when(importer.succeededAt)}`,
    `  listed   ${importer.listedBackups}`,
    `  newest   ${when(importer.newestAt)}${importer.newestArchive === null ? "" : `: ${printable(importer.newestArchive)}`}`,
    ...(importer.fault === null ? [] : [`  fault    ${printable(importer.fault)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function asJson(importer: ImporterStatus) {
  return {
    name: importer.name,
    kind: importer.kind,
    fqdn: importer.fqdn,
    scope: importer.scope,
    host: importer.host,
    ran_at: importer.ranAt.toISOString(),
    succeeded_at: importer.succeededAt?.toISOString() ?? null,
    fault: importer.fault,
    newest_archive: importer.newestArchive,
    newest_at: importer.newestAt?.toISOString() ?? null,
    listed_backups: importer.listedBackups,
  };
}
