import { hostname } from "node:os";
import { resolve } from "node:path";
import {
  defaultBackupLimits,
  type BackupMeans,
  type BackupRequest,
  type BackupResult,
} from "../../backup/backup-run.ts";
import { findFittingProgram } from "../../backup/find-fitting-program.ts";
import { readOsVersion } from "../../backup/os-version.ts";
import { runBackup } from "../../backup/run-backup.ts";
import type { LogFile } from "../../backup/run-log.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { createHome } from "../../settings/home.ts";
import type { CommandContext } from "../command-context.ts";
import { OwnDatabases } from "../own-databases.ts";
import { tellError } from "../run-program.ts";
import { printJson } from "../print-json.ts";
import { backupAsJson } from "./backup-json.ts";
import { createProgressLine } from "./backup-progress.ts";
import { renderSummary } from "./backup-summary.ts";
import { failureSignal } from "./failure-signal.ts";
import { openRunLog } from "./open-run-log.ts";
import type { OptionValues } from "./option-table.ts";
import { removeOldArchives, renderRetention, retentionRequest, tellRetention } from "./retention-step.ts";

/** `engine-backup --mode=backup`. */
export async function backUp(context: CommandContext, options: OptionValues): Promise<void> {
  const toStandardOutput = options.file === "-";
  const reports = options["no-report"] !== true;
  if (toStandardOutput && context.stdout.isTerminal) {
    throw new BackupAwarenessError("USAGE", "an archive cannot be written to a terminal", {
      hint: "redirect it: --file=- > FILE",
    });
  }
  process.umask(0o077);
  const settings = await context.loadSettings();
  await createHome(settings, context.environment.userId);
  context.handleInterrupts();
  const log = openRunLog(context, settings, options.log);
  const databases = new OwnDatabases(context, settings, log);
  const progress = createProgressLine(context.stderr);
  try {
    const retention = await retentionRequest(options, settings, databases);
    if (options["dry-run"] === true && retention !== null) {
      context.stdout.write(await tellRetention(context, retention));
      return;
    }
    if (reports) await databases.replay();
    const request: BackupRequest = {
      settings,
      scopes: options.scope ?? [],
      file: options.file === undefined || toStandardOutput ? (options.file ?? null) : resolve(options.file),
      excluded: { tables: options["exclude-table"] ?? [], tableData: options["exclude-table-data"] ?? [] },
      logPath: log.path,
    };
    const result = await runBackup(request, await meansOf(context, databases, log, progress.show, reports));
    progress.end();
    const output = toStandardOutput ? context.stderr : context.stdout;
    context.setExitCode(isWhole(result) ? 0 : 1);
    const { path: logPath } = log;
    if (options.json !== true)
      output.write(renderSummary(result, settings, logPath, (style, text) => output.paint(style, text)));
    tellLostReports(context, result);
    // A run that failed in any part removes nothing.
    const removal =
      retention === null || !isWhole(result)
        ? null
        : await removeOldArchives(context, retention, databases, log, reports);
    if (options.json === true) printJson(output, backupAsJson(result, settings, logPath, removal));
    else if (removal !== null) output.write(renderRetention(removal, "removed"));
  } catch (error) {
    progress.end();
    log.error(error instanceof Error ? error.message : String(error));
    // An interrupted backup is a failed one (1), not a program that a signal ended.
    const signal = new AbortController().signal;
    context.setExitCode(tellError({ stderr: context.stderr, environment: context.environment, signal }, error));
  } finally {
    await databases.close();
    log.close();
  }
}

function isWhole(result: BackupResult): boolean {
  return (
    result.archive !== null &&
    result.scopes.every(({ status }) => status === "packed") &&
    result.lostReports.length === 0
  );
}

async function meansOf(
  context: CommandContext,
  databases: OwnDatabases,
  log: LogFile,
  onProgress: BackupMeans["onProgress"],
  reports: boolean,
): Promise<BackupMeans> {
  return {
    clock: () => context.now(),
    signal: failureSignal(context.signal, "the backup"),
    pid: process.pid,
    hostName: hostname(),
    osVersion: await readOsVersion(),
    programVersion: context.programVersion,
    env: context.environment.env,
    log,
    onProgress,
    openDatabase: (url, scope) => databases.openForDump(url, scope),
    findClientProgram: (name, serverMajor) => findFittingProgram(name, serverMajor, context.environment.env["PATH"]),
    readExcluded: () => databases.readExcluded(),
    report: (report) => (reports ? databases.report(report) : Promise.resolve()),
    writeToStandardOutput,
    limits: defaultBackupLimits,
  };
}

async function writeToStandardOutput(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) {
    await new Promise<void>((done, fail) => {
      process.stdout.write(chunk, (error) => {
        if (error == null) done();
        else
          fail(
            new BackupAwarenessError("BACKUP_FAILED", `cannot write the archive to standard output: ${error.message}`, {
              cause: error,
            }),
          );
      });
    });
  }
}

/** Where neither database nor spool took a report, the terminal (cron's mail) is what is left. */
function tellLostReports(context: CommandContext, { lostReports }: BackupResult): void {
  const quiet = { stderr: context.stderr, environment: context.environment, signal: new AbortController().signal };
  for (const { report, error } of lostReports) {
    tellError(quiet, error);
    context.stderr.write(`the report: ${JSON.stringify(report)}\n`);
  }
}
