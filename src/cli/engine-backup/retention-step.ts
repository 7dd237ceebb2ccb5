import { hostname } from "node:os";
import {
  applyRetention,
  planRemoval,
  type FoundRetainable,
  type RetentionRequest,
} from "../../backup/apply-retention.ts";
import type { RetentionPlan } from "../../backup/retention.ts";
import type { RunLog } from "../../backup/run-log.ts";
import { humanSize } from "../../contract/human-size.ts";
import { printable } from "../../contract/printable.ts";
import type { Settings } from "../../settings/settings.ts";
import type { CommandContext } from "../command-context.ts";
import type { OwnDatabases } from "../own-databases.ts";
import type { OptionValues } from "./option-table.ts";

/** What `--keep` and `--keep-days` ask for; null: neither was given. */
export async function retentionRequest(
  options: OptionValues,
  settings: Settings,
  databases: OwnDatabases,
): Promise<RetentionRequest | null> {
  const rule = { count: options.keep ?? null, days: options["keep-days"] ?? null };
  if (rule.count === null && rule.days === null) return null;
  const { archiveDirectory: directory, fqdn } = settings;
  return { directory, fqdn, rule, requiredScopes: await databases.readFullScopes() };
}

/** After a backup that succeeded: removes what is old, says so in the log and as an event. Throws BACKUP_RUNNING and BACKUP_FAILED. */
export async function removeOldArchives(
  context: CommandContext,
  request: RetentionRequest,
  databases: OwnDatabases,
  log: RunLog,
  reports: boolean,
): Promise<RetentionPlan<FoundRetainable>> {
  const self = { pid: process.pid, hostName: hostname(), clock: () => context.now() };
  const plan = await applyRetention(request, self);
  for (const { path } of plan.removed) log.info(`removed the old archive ${path}`);
  if (reports && plan.removed.length > 0) {
    const names = plan.removed.map(({ path }) => `"${path}"`).join(", ");
    await databases.logArchiveEvent("ARCHIVES_REMOVED", request.fqdn, `removed as too old: ${names}`);
  }
  return plan;
}

/** `engine-backup --keep=N --dry-run`: what would be removed. */
export async function tellRetention(context: CommandContext, request: RetentionRequest): Promise<string> {
  return renderRetention(await planRemoval(request, context.now()), "would be removed");
}

export function renderRetention({ removed, kept }: RetentionPlan<FoundRetainable>, what: string): string {
  const lines = removed.map(({ path, sizeBytes }) => `${what}: ${printable(path)} (${humanSize(sizeBytes)})`);
  const freedBytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const summary =
    removed.length === 0
      ? `${what}: none of ${kept.length} archives`
      : `${removed.length} ${what}, ${kept.length} kept, ${humanSize(freedBytes)} freed`;
  return `${[...lines, summary].join("\n")}\n`;
}
