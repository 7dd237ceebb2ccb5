import { withTimeout } from "../awareness/watch-database.ts";
import { type AgeLimits, pluginStatuses } from "../awareness/judge-fleet.ts";
import { readFleet } from "../awareness/read-fleet.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { databaseUrl } from "../database/open-database.ts";
import { withSnapshot } from "../database/snapshot.ts";
import type { Settings } from "../settings/settings.ts";
import type { CommandContext } from "./command-context.ts";
import { parseAgeLimit, parseDuration } from "./parse-duration.ts";
import { type PluginOutput, renderPluginOutput, renderUnknown } from "./render-plugin-output.ts";
import { withDatabase } from "./with-database.ts";

/** As they stand on the command line: a plugin's wrong usage is UNKNOWN, not commander's error. */
export type PluginOptions = {
  readonly engine?: readonly string[];
  readonly warning?: string;
  readonly critical?: string;
  readonly timeout?: string;
};

/** Monitoring systems end a plugin that takes longer, 60 s mostly; their default in NRPE is ten. */
export const defaultPluginTimeout = "9s";
/** Above so many engines only those that matter are read. */
const mostEngines = 1_000;
const worst = 100;

/** `backup-awareness check --nagios`: reads, never checks by itself, so that a daemon that does not check is seen. Never rejects. */
export async function checkAsPlugin(context: CommandContext, options: PluginOptions): Promise<void> {
  const { status, text } = await judge(context, options).catch((error: unknown) => renderUnknown(reasonOf(error)));
  context.stdout.write(text);
  context.setExitCode(pluginStatuses.indexOf(status));
}

async function judge(context: CommandContext, options: PluginOptions): Promise<PluginOutput> {
  const limits = readLimits(options);
  const timeoutMs = readOption("--timeout", options.timeout ?? defaultPluginTimeout, parseDuration);
  return withTimeout(read(context, options.engine ?? null, limits, timeoutMs), timeoutMs, context.signal);
}

async function read(
  context: CommandContext,
  fqdns: readonly string[] | null,
  limits: AgeLimits,
  timeoutMs: number,
): Promise<PluginOutput> {
  const settings = await context.loadSettings();
  await demandDatabase(settings);
  const fleet = await withDatabase(context, ({ pool }) =>
    withSnapshot(pool, timeoutMs, (queries) => readFleet(queries, { fqdns, mostEngines, worst })),
  );
  return renderPluginOutput(fleet, limits, settings.protectsOnlyItself ? settings.fqdn : null);
}

/** A plugin must not be the one that makes the database. */
async function demandDatabase(settings: Settings): Promise<void> {
  if ((await databaseUrl(settings, "backup_awareness")) !== null) return;
  throw new BackupAwarenessError("DATABASE_UNREACHABLE", `no database is to be seen below "${settings.home}"`, {
    hint: "start the daemon, name the database with BACKUP_AWARENESS_DATABASE_URL, or run this as the user who may read that home",
  });
}

function readLimits({ warning, critical }: PluginOptions): AgeLimits {
  const warningMs = warning === undefined ? null : readOption("--warning", warning, parseAgeLimit);
  const criticalMs = critical === undefined ? null : readOption("--critical", critical, parseAgeLimit);
  if (warningMs !== null && criticalMs !== null && warningMs > criticalMs)
    throw new BackupAwarenessError("USAGE", `--warning=${warning} is above --critical=${critical}`);
  return { warningMs, criticalMs };
}

function readOption(name: string, text: string, parse: (text: string) => number): number {
  try {
    return parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackupAwarenessError("USAGE", `${name}=${JSON.stringify(text)}: ${reason}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof BackupAwarenessError)
    return error.hint === null ? error.message : `${error.message} (${error.hint})`;
  return error instanceof Error ? error.message : String(error);
}
