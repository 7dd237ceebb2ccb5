import { join, resolve } from "node:path";
import { openLogFile, type LogFile } from "../../backup/run-log.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { homePlaces, type Settings } from "../../settings/settings.ts";
import type { CommandContext } from "../command-context.ts";

/** A run matters more than its log: one that cannot be written is told, and the run goes on without. */
export function openRunLog(
  context: CommandContext,
  settings: Settings,
  logOption: string | undefined,
): LogFile & { readonly path: string | null } {
  const stamp = context
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[:-]/g, "");
  const path =
    logOption === undefined ? join(settings.home, homePlaces.log, `engine-backup-${stamp}.log`) : resolve(logOption);
  try {
    const file = openLogFile(
      path,
      () => context.now(),
      (reason) => {
        context.stderr.write(`warning: the log "${path}" cannot be written on: ${reason}\n`);
      },
    );
    return { ...file, path };
  } catch (error) {
    if (!(error instanceof BackupAwarenessError)) throw error;
    context.stderr.write(`warning: ${error.message}; this run has no log\n`);
    const silent = () => undefined;
    return { info: silent, warn: silent, error: silent, close: silent, path: null };
  }
}
