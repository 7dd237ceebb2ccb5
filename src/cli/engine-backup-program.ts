import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { defaultBackupLimits, type BackupMeans, type BackupRequest, type BackupResult } from "../backup/backup-run.ts";
import { findFittingProgram } from "../backup/find-fitting-program.ts";
import { readOsVersion } from "../backup/os-version.ts";
import { runBackup } from "../backup/run-backup.ts";
import { openLogFile, type LogFile } from "../backup/run-log.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { createHome } from "../settings/home.ts";
import { homePlaces, type Settings } from "../settings/settings.ts";
import { type CommandContext, Interrupted } from "./command-context.ts";
import { createProgressLine } from "./engine-backup-progress.ts";
import { renderSummary } from "./engine-backup-summary.ts";
import { examples, newProgram } from "./new-program.ts";
import { OwnDatabases } from "./own-databases.ts";
import { tellError } from "./run-program.ts";

type Options = {
  readonly mode: "backup";
  readonly scope?: readonly string[];
  readonly file?: string;
  readonly log?: string;
  readonly excludeTable?: readonly string[];
  readonly excludeTableData?: readonly string[];
  readonly report: boolean;
};

/** The program `engine-backup`. */
export function engineBackupProgram(context: CommandContext): Command {
  const collect = (text: string, former: readonly string[] | undefined): readonly string[] => [...(former ?? []), text];
  return newProgram(
    context,
    "Backs up the application's databases and files into one archive, reads it back, and reports each scope.",
  )
    .showHelpAfterError("hint: engine-backup --help shows all options, with examples")
    .usage("--mode=backup [--scope=SCOPE]… [--file=FILE] [--log=FILE]")
    .addOption(new Option("--mode <mode>", "what to do").choices(["backup"]).default("backup"))
    .option(
      "--scope <scope>",
      "what to back up: all (default), db, dwhdb, reportsdb, files or another configured scope; may be repeated",
      collect,
    )
    .option("--file <file>", 'the archive; "-": standard output (default: a name of its own in the archive directory)')
    .option("--log <file>", "the log (default: a file of its own in the home's log directory)")
    .option(
      "-T, --exclude-table <pattern>",
      "leave out tables, as pg_dump's -T does; adds to the option BackupExcludedTables",
      collect,
    )
    .option(
      "--exclude-table-data <pattern>",
      "leave out tables' rows; adds to the option BackupExcludedTableData",
      collect,
    )
    .option("--no-report", "record nothing: neither start nor end of the backup")
    .addHelpText(
      "after",
      examples(
        ["engine-backup --mode=backup", "all that is configured, into the archive directory"],
        ["engine-backup --mode=backup --scope=db --scope=files", "these two scopes"],
        ["engine-backup --mode=backup --file=/backup/today.tar.zst --log=/backup/today.log", "to a place of your own"],
        ["engine-backup --mode=backup --file=- | ssh vault 'cat > engine.tar.zst'", "to another host"],
        ["engine-backup --mode=backup --exclude-table-data='audit_*'", "without these tables' rows"],
      ),
    )
    .action(async (options: Options) => {
      await backUp(context, options);
    });
}

async function backUp(context: CommandContext, options: Options): Promise<void> {
  const toStandardOutput = options.file === "-";
  if (options.file === "")
    throw new BackupAwarenessError("USAGE", "--file names no file", { hint: "as in: --file=/backup/today.tar.zst" });
  if (toStandardOutput && context.stdout.isTerminal) {
    throw new BackupAwarenessError("USAGE", "an archive cannot be written to a terminal", {
      hint: "redirect it: --file=- > FILE",
    });
  }
  process.umask(0o077);
  const settings = await context.loadSettings();
  await createHome(settings, context.environment.userId);
  context.handleInterrupts();
  const log = openLog(context, settings, options);
  const databases = new OwnDatabases(context, settings, log);
  const progress = createProgressLine(context.stderr);
  try {
    if (options.report) await databases.replay();
    const request: BackupRequest = {
      settings,
      scopes: options.scope ?? [],
      file: options.file === undefined || toStandardOutput ? (options.file ?? null) : resolve(options.file),
      excluded: { tables: options.excludeTable ?? [], tableData: options.excludeTableData ?? [] },
      logPath: log.path,
    };
    const result = await runBackup(request, await meansOf(context, databases, log, progress.show, options.report));
    progress.end();
    const output = toStandardOutput ? context.stderr : context.stdout;
    const summary = renderSummary(result, settings, log.path, (style, text) => output.paint(style, text));
    output.write(summary);
    tellLostReports(context, result);
    context.setExitCode(isWhole(result) ? 0 : 1);
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
    signal: failureSignal(context.signal),
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

/** Aborted when `signal` is, with a reason that a report can give. */
function failureSignal(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const abort = () => {
    const reason: unknown = signal.reason;
    const name = reason instanceof Interrupted ? reason.signalName : null;
    controller.abort(
      new BackupAwarenessError("BACKUP_FAILED", `the backup was interrupted${name === null ? "" : ` by ${name}`}`),
    );
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return controller.signal;
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

/** A backup matters more than its log: one that cannot be written is told, and the backup goes on without. */
function openLog(
  context: CommandContext,
  settings: Settings,
  options: Options,
): LogFile & { readonly path: string | null } {
  const stamp = context
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[:-]/g, "");
  const path =
    options.log === undefined
      ? join(settings.home, homePlaces.log, `engine-backup-${stamp}.log`)
      : resolve(options.log);
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
    context.stderr.write(`warning: ${error.message}; this backup has no log\n`);
    const silent = () => undefined;
    return { info: silent, warn: silent, error: silent, close: silent, path: null };
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
