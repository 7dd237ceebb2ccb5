import type { Command } from "commander";
import { sep } from "node:path";
import { readStatus } from "../awareness/read-status.ts";
import type { Status } from "../contract/state.ts";
import { runDaemon } from "../server/daemon.ts";
import { systemdNotifier } from "../server/systemd-notify.ts";
import type { Settings } from "../settings/settings.ts";
import type { CommandContext } from "./command-context.ts";
import { createDaemonLog } from "./daemon-log.ts";
import { examples } from "./new-program.ts";
import { nextCommands, renderWelcome } from "./render-welcome.ts";

/** Signals closer together than this are one request to stop. */
const sameRequestMs = 500;

/** What a process ends with whom a signal had to force. */
const forcedExitCode = 1;

/** `backup-awareness start`: the daemon. */
export function addStartCommand(program: Command, context: CommandContext): void {
  program
    .command("start")
    .summary("run the daemon: check, warn, answer on HTTP")
    .description(
      "Runs the daemon in the foreground until SIGTERM or Ctrl-C: migrates the database, checks at once and then on schedule, answers GET /health. Without a database URL it runs its own PostgreSQL. Its log goes to stderr: JSON lines, or readable ones on a terminal.",
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness start", "in this terminal"],
        ["backup-awareness service install", "at every boot, under systemd or cron"],
        ["BACKUP_AWARENESS_LISTEN=127.0.0.1:8481 backup-awareness start", "on another port"],
      ),
    )
    .action(async () => {
      await start(context);
    });
}

async function start(context: CommandContext): Promise<void> {
  const { environment } = context;
  const settings = await context.loadSettings();
  const logger = createDaemonLog(context.stderr, environment.env["BACKUP_AWARENESS_DEBUG"] === "1" ? "debug" : "info");
  context.handleInterrupts();
  const stop = new AbortController();
  let stoppingSince = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      // Ctrl-C below npm comes twice, from the terminal and from npm.
      if (context.now().getTime() - stoppingSince < sameRequestMs) return;
      logger.warn(`${name} again: ended at once`);
      process.exit(forcedExitCode);
    }
    stoppingSince = context.now().getTime();
    logger.info(`${name}: stopping`);
    stop.abort();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  // What nobody waited for has failed. While we stop, the database may be gone under any query: the stop goes on.
  const onUnforeseen = (error: unknown): void => {
    logger.error({ err: error }, stop.signal.aborted ? "failed while stopping" : "failed, and nobody expected it");
    if (!stop.signal.aborted) process.exit(forcedExitCode);
  };
  process.on("unhandledRejection", onUnforeseen);
  process.on("uncaughtException", onUnforeseen);
  // graphile-worker prints the stack of every worker that an absent database ends, besides telling its logger.
  console.trace = () => undefined;
  await runDaemon({
    settings,
    environment,
    sqlDirectory: context.sqlDirectory,
    programVersion: context.programVersion,
    logger,
    systemd: systemdNotifier({ env: environment.env, pid: process.pid, logger }),
    now: () => context.now(),
    signal: stop.signal,
    onReady: async (ready) => {
      const status = await readStatus(ready.database.pool, settings.fqdn, [settings.fqdn]);
      if (context.stderr.isTerminal) welcome(context, settings, status, ready.healthUrl);
      else {
        for (const { id, type, message } of status.engines.flatMap(({ alerts }) => alerts)) {
          logger.warn({ alert: id, type, engine: settings.fqdn }, message ?? type);
        }
        const next = nextCommands(commandPrefix(context)).map(([command, meaning]) => `${command} (${meaning})`);
        logger.info(`what to do next: ${next.join("; ")}`);
      }
    },
  });
  logger.info("stopped");
  context.setExitCode(0);
}

/** In a checkout the commands are npx's to find; an installed package has put them on PATH. */
function commandPrefix(context: CommandContext): string {
  return context.sqlDirectory.includes(`${sep}node_modules${sep}`) ? "" : "npx ";
}

function welcome(context: CommandContext, settings: Settings, status: Status, healthUrl: string): void {
  context.stderr.write(
    renderWelcome({
      status,
      healthUrl,
      settings,
      prefix: commandPrefix(context),
      now: context.now(),
      paint: (style, text) => context.stderr.paint(style, text),
    }),
  );
}
