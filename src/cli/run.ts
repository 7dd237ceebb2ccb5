import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { Report } from "../contract/report.ts";
import { type HeldLock, takeLock } from "../database/embedded/lock.ts";
import { openMigratedDatabase } from "../database/open-migrated-database.ts";
import { recordReport } from "../database/record-report.ts";
import { deliverReport } from "../report/deliver-report.ts";
import { exitCodeRulesOf } from "../report/exit-code-rules.ts";
import { type RunningTool, runTool, type ToolEnd } from "../report/run-tool.ts";
import { spoolReport } from "../report/spool.ts";
import { endedReport, exitCodeOf, mayBeRetried, startedReport, type ToolRun } from "../report/tool-report.ts";
import { homePlaces, type Settings } from "../settings/settings.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { parseFqdn, parseScope } from "./parse-engine-words.ts";
import { parseDuration } from "./parse-duration.ts";
import { wholeNumber } from "./parse-whole-number.ts";

/** After so long without the database a report goes to the spool: the backup does not wait. */
const recordTimeoutMs = 20_000;

/** As sysexits.h has EX_TEMPFAIL: another run holds the lock. */
const lockedExitCode = 75;
const defaultRetryPauseMs = 30_000;
const longestRetryPauseMs = 3_600_000;

type RunOptions = {
  readonly scope: string;
  readonly fqdn?: string;
  readonly logPath?: string;
  /** In milliseconds. */
  readonly timeout?: number;
  readonly retry: number;
  /** In milliseconds. */
  readonly retryPause: number;
  readonly lock?: string;
  readonly okExitCodes?: readonly number[];
  readonly warningExitCodes?: readonly number[];
};

/** `backup-awareness run`: wraps any backup tool and reports what became of it. */
export function addRunCommand(program: Command, context: CommandContext): void {
  program
    .command("run")
    .summary("run your own backup tool and report what became of it")
    .usage("--scope SCOPE [options] -- COMMAND [ARGUMENT...]")
    .description(
      "Reports started, runs COMMAND with its input and output passed through, and reports completed (exit code 0), incomplete or failed, with the end of its output, and size, number of files and archive where it tells them. Its exit code is handed on, whatever becomes of the report.",
    )
    .argument("<command...>", "the tool and its arguments, after --")
    .addOption(
      new Option("--scope <scope>", "what it backs up: db, files, …").makeOptionMandatory().argParser(parseScope),
    )
    .addOption(new Option("--fqdn <fqdn>", "the engine it backs up (default: this host's)").argParser(parseFqdn))
    .option("--log-path <path>", "the tool's log, for the report")
    .addOption(
      new Option("--timeout <time>", "end it after so long, as 90m or 6h; it has failed then").argParser(parseDuration),
    )
    .option("--retry <number>", "run it again, at most so often, where it has failed", wholeNumber(0, 100), 0)
    .addOption(
      new Option("--retry-pause <time>", "how long to wait before that, as 30s; doubled each time, up to an hour")
        .argParser(parseDuration)
        .default(defaultRetryPauseMs, "30s"),
    )
    .addOption(
      new Option("--lock <name>", "run nothing while another run with that name goes on: exit code 75").argParser(
        parseLockName,
      ),
    )
    .option("--ok-exit-codes <codes>", "these say completed, as 0,2 (default: 0)", parseExitCodes)
    .option(
      "--warning-exit-codes <codes>",
      "these say incomplete: a part is missing (default: for restic 3, for borg 1 and 100 to 127)",
      parseExitCodes,
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness run --scope db -- pg_dump -Fc -f /backup/app.dump app", "a dump of your own"],
        [
          "backup-awareness run --scope files -- restic backup /srv/app",
          "any tool that tells failure by its exit code",
        ],
        [
          "backup-awareness run --scope files --lock nightly --timeout 6h --retry 2 -- borg create /backup::{now} /srv",
          "once at a time, not for ever, and again where it fails",
        ],
        ["backup-awareness run --scope db -- sh -c 'pg_dump app | gzip > /backup/app.gz'", "a pipeline"],
      ),
    )
    .action(async (command: string[], options: RunOptions) => {
      context.setExitCode(await run(context, command, options));
    });
}

function parseLockName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)) return text;
  throw new InvalidArgumentError("It is a name of letters, digits, '.', '_' and '-'.");
}

function parseExitCodes(text: string): readonly number[] {
  return text.split(",").map((code) => {
    if (/^\d{1,3}$/.test(code.trim()) && Number(code) <= 255) return Number(code);
    throw new InvalidArgumentError("It is a list of exit codes, as 0,2.");
  });
}

async function run(
  context: CommandContext,
  [command = "", ...words]: readonly string[],
  options: RunOptions,
): Promise<number> {
  context.handleInterrupts();
  const settings = await loadSettings(context);
  const toolRun: ToolRun = {
    scope: options.scope,
    // A database that many hosts share has an own engine that need not be this host's.
    fqdn: options.fqdn ?? settings?.fqdn ?? "",
    logPath: options.logPath ?? null,
    runId: randomUUID(),
    command,
    exitCodes: exitCodeRulesOf(command, {
      completed: options.okExitCodes ?? null,
      incomplete: options.warningExitCodes ?? null,
    }),
  };
  const lock = await lockRun(context, settings, options.lock);
  if (lock === "held") return lockedExitCode;
  try {
    return await runLocked(context, settings, toolRun, words, options);
  } finally {
    await lock?.release();
  }
}

/** `held`: by another run, which is said. null: no lock was asked for, or none can be had. */
async function lockRun(
  context: CommandContext,
  settings: Settings | null,
  name: string | undefined,
): Promise<HeldLock | "held" | null> {
  if (name === undefined || settings === null) return null;
  try {
    return await takeLock(join(settings.home, homePlaces.locks, name), 0);
  } catch (error) {
    if (!(error instanceof BackupAwarenessError)) throw error;
    if (error.code === "HOME_IN_USE") {
      say(context, `another run holds the lock ${name}: nothing was run (${error.message})`);
      return "held";
    }
    say(context, `there is no lock: ${error.message}; the command runs all the same`);
    return null;
  }
}

async function runLocked(
  context: CommandContext,
  settings: Settings | null,
  toolRun: ToolRun,
  words: readonly string[],
  options: RunOptions,
): Promise<number> {
  // A signal that comes while the start is being reported ends the run before it begins.
  const interruption: { by: NodeJS.Signals | null; tool: RunningTool | null } = { by: null, tool: null };
  const interrupted = new AbortController();
  const onTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      interruption.by ??= name;
      interrupted.abort();
      // Ctrl-C on a terminal has reached the tool already.
      if (!(name === "SIGINT" && onTerminal)) interruption.tool?.kill(name);
    });
  }
  const begunAt = context.now();
  await deliver(context, settings, startedReport(toolRun, begunAt));
  let end: ToolEnd;
  let tries = 0;
  for (;;) {
    tries++;
    const tool = await runTool({
      command: toolRun.command,
      arguments: words,
      env: context.environment.env,
      stdout: process.stdout,
      stderr: process.stderr,
      now: () => context.now(),
      timeoutMs: options.timeout ?? null,
    });
    interruption.tool = tool;
    if (interruption.by !== null) tool.kill(interruption.by);
    end = await tool.ended;
    if (tries > options.retry || !mayBeRetried(toolRun, end, { interruptedBy: interruption.by, tries })) break;
    const pauseMs = Math.min(options.retryPause * 2 ** (tries - 1), longestRetryPauseMs);
    say(context, `try ${tries} of ${options.retry + 1} has failed; the next one is in ${Math.round(pauseMs / 1000)} s`);
    await delay(pauseMs, undefined, { signal: interrupted.signal }).catch(() => undefined);
    if (interruption.by !== null) break;
  }
  if (end.outcome.kind === "not started") say(context, `${JSON.stringify(toolRun.command)}: ${end.outcome.reason}`);
  await deliver(context, settings, endedReport(toolRun, end, { interruptedBy: interruption.by, tries }, begunAt));
  return exitCodeOf(end, interruption.by, constants.signals);
}

/** Settings that cannot be used must not keep a backup from being made. */
async function loadSettings(context: CommandContext): Promise<Settings | null> {
  try {
    return await context.loadSettings();
  } catch (error) {
    if (!(error instanceof BackupAwarenessError)) throw error;
    say(context, `${error.message}; the command runs all the same`);
    return null;
  }
}

/** Records a report, or keeps it for later, and says so; never throws: the backup goes on. */
async function deliver(context: CommandContext, settings: Settings | null, report: Report): Promise<void> {
  try {
    if (settings === null) throw new Error("the settings cannot be used");
    const spooledBecause = await recordOrSpool(context, settings, report);
    if (spooledBecause !== null) {
      say(
        context,
        `the report "${report.status}" of scope ${report.scope} is kept in the spool until the database answers: ${messageOf(spooledBecause)}`,
      );
    }
  } catch (error) {
    say(
      context,
      `THE REPORT "${report.status}" OF SCOPE ${report.scope} IS LOST: ${messageOf(error)}\n` +
        `It said: engine ${JSON.stringify(report.fqdn)}, done at ${report.doneAt.toISOString()}. Report it by hand (LogEngineBackupEvent).`,
    );
  }
}

/** Returns why it was spooled; null: it was recorded. Throws REPORT_INVALID, SPOOL_FAILED. */
async function recordOrSpool(context: CommandContext, settings: Settings, report: Report): Promise<unknown> {
  const spool = join(settings.home, homePlaces.spool);
  const timeout = Promise.withResolvers<"late">();
  const timer = setTimeout(() => {
    timeout.resolve("late");
  }, recordTimeoutMs);
  const recording = record(context, settings, spool, report);
  recording.catch(() => undefined);
  try {
    const outcome = await Promise.race([recording, timeout.promise]);
    if (outcome !== "late") return outcome;
  } catch (error) {
    if (error instanceof BackupAwarenessError && (error.code === "REPORT_INVALID" || error.code === "SPOOL_FAILED"))
      throw error;
    await spoolReport(spool, report);
    return error;
  } finally {
    clearTimeout(timer);
  }
  // Should it be recorded all the same, the replay finds it there.
  await spoolReport(spool, report);
  return new Error(`no answer within ${recordTimeoutMs / 1000} s`);
}

async function record(context: CommandContext, settings: Settings, spool: string, report: Report): Promise<unknown> {
  const database = await openMigratedDatabase({
    settings,
    environment: context.environment,
    role: "daemon",
    applicationName: "backup-awareness run",
    maxConnections: 1,
    sqlDirectory: context.sqlDirectory,
    programVersion: context.programVersion,
    migrates: "embedded",
  });
  try {
    return (await deliverReport(spool, (each) => recordReport(database.pool, each), report)).spooledBecause;
  } finally {
    await database.close();
  }
}

function say(context: CommandContext, text: string): void {
  context.stderr.write(`backup-awareness run: ${text}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
