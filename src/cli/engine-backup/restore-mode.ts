import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { findFittingProgram } from "../../backup/find-fitting-program.ts";
import type { RestoreMeans, RestoreRequest, RestoreResult } from "../../backup/restore/restore-run.ts";
import { runRestore } from "../../backup/restore/run-restore.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { createHome } from "../../settings/home.ts";
import type { Settings } from "../../settings/settings.ts";
import type { CommandContext } from "../command-context.ts";
import { OwnDatabases } from "../own-databases.ts";
import { printJson } from "../print-json.ts";
import { tellError } from "../run-program.ts";
import { failureSignal } from "./failure-signal.ts";
import { openRunLog } from "./open-run-log.ts";
import type { OptionValues } from "./option-table.ts";
import { renderRestore, restoreAsJson } from "./restore-summary.ts";
import { RestoreTargets } from "./restore-targets.ts";

/** More jobs than this help little and take connections from whoever else uses the server. */
const mostJobsByDefault = 4;

/** `engine-backup --mode=restore`. */
export async function restore(context: CommandContext, options: OptionValues): Promise<void> {
  const file = demandFile(options.file);
  process.umask(0o077);
  const settings = await context.loadSettings();
  await createHome(settings, context.environment.userId);
  context.handleInterrupts();
  const log = openRunLog(context, settings, options.log);
  const databases = new OwnDatabases(context, settings, log);
  const targets = new RestoreTargets(context, settings, options, databases, log);
  try {
    log.info(`engine-backup ${context.programVersion}: restoring from ${file}`);
    const means: RestoreMeans = {
      clock: () => context.now(),
      signal: failureSignal(context.signal, "the restore"),
      pid: process.pid,
      userId: context.environment.userId,
      env: context.environment.env,
      log,
      findClientProgram: (name, major) => findFittingProgram(name, major, context.environment.env["PATH"]),
      openTarget: (scope) => targets.open(scope),
      tell: async (type, fqdn, scope, message) => {
        if (options["no-report"] !== true) await databases.logRestoreEvent({ type, fqdn, scope, message });
      },
      onProgress: () => undefined,
    };
    const result = await runRestore(requestOf(context, settings, options, file), means);
    tell(context, options, { result, file, logPath: log.path });
    context.setExitCode(isDone(result, options["dry-run"] === true) ? 0 : 1);
  } catch (error) {
    log.error(error instanceof Error ? error.message : String(error));
    const quiet = { stderr: context.stderr, environment: context.environment, signal: new AbortController().signal };
    context.setExitCode(tellError(quiet, error));
  } finally {
    await databases.close();
    log.close();
  }
}

function demandFile(file: string | undefined): string {
  if (file === undefined) {
    throw new BackupAwarenessError("USAGE", "--mode=restore needs the archive", {
      hint: "name it: --mode=restore --file=/backup/engine.example.com-20261124T013000Z.tar.zst",
    });
  }
  if (file === "-") {
    throw new BackupAwarenessError("USAGE", "an archive to restore cannot come from standard input", {
      hint: "it is read to its end before anything is touched: save it to a file and name that with --file=FILE",
    });
  }
  return resolve(file);
}

function requestOf(context: CommandContext, settings: Settings, options: OptionValues, path: string): RestoreRequest {
  const provisioned = new Set([
    ...(options["provision-db"] === true ? ["db"] : []),
    ...(options["provision-dwh-db"] === true ? ["dwhdb"] : []),
    ...(options["provision-reports-db"] === true ? ["reportsdb"] : []),
  ]);
  const processors = availableParallelism();
  const { env } = context.environment;
  return {
    settings,
    path,
    scopes: options.scope ?? [],
    force: options.force === true,
    disconnect: options.disconnect === true,
    permissions: options["no-restore-permissions"] !== true,
    provisions: (scope) => options["provision-all-databases"] === true || provisioned.has(scope),
    dropsFormer: options["drop-former"] === true,
    jobs:
      options["db-restore-jobs"] ??
      (options["fast-restore"] === true ? processors : Math.min(processors, mostJobsByDefault)),
    temporaryParent: resolve(
      options.tmpdir ?? (env["TMPDIR"] === undefined || env["TMPDIR"] === "" ? "/var/tmp" : env["TMPDIR"]),
    ),
    keepsTemporary: options["keep-temporary-data"] === true,
    dryRun: options["dry-run"] === true,
  };
}

function isDone({ checks, restored }: RestoreResult, isDryRun: boolean): boolean {
  if (checks.some(({ outcome }) => outcome === "refused")) return false;
  return isDryRun || restored.every(({ restored: { differences } }) => differences.length === 0);
}

function tell(
  context: CommandContext,
  options: OptionValues,
  done: { readonly result: RestoreResult; readonly file: string; readonly logPath: string | null },
): void {
  const isDryRun = options["dry-run"] === true;
  if (options.json === true) printJson(context.stdout, restoreAsJson(done, isDryRun));
  else context.stdout.write(renderRestore(done, isDryRun, context.stdout.paint));
}
