import { findArchives } from "../../backup/find-archives.ts";
import type { CommandContext } from "../command-context.ts";
import { printJson } from "../print-json.ts";
import { archivesAsJson, renderArchives } from "./list-summary.ts";
import type { OptionValues } from "./option-table.ts";

/** `engine-backup --list`: the archives in the archive directory. It needs no database. */
export async function list(context: CommandContext, options: OptionValues): Promise<void> {
  const { archiveDirectory } = await context.loadSettings();
  const found = await findArchives(archiveDirectory);
  if (options.json === true) printJson(context.stdout, archivesAsJson(found));
  else if (found.archives.length + found.unusable.length === 0)
    context.stderr.write(`there is no archive in "${archiveDirectory}"\n`);
  else context.stdout.write(renderArchives(found, context.now(), context.stdout.paint));
}
