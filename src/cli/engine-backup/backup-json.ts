import type { FoundRetainable } from "../../backup/apply-retention.ts";
import type { BackupResult, ScopeOutcome } from "../../backup/backup-run.ts";
import type { RetentionPlan } from "../../backup/retention.ts";
import type { Settings } from "../../settings/settings.ts";

/** What a backup has come to, for scripts. */
export function backupAsJson(
  result: BackupResult,
  settings: Settings,
  logPath: string | null,
  retention: RetentionPlan<FoundRetainable> | null,
): unknown {
  const { archive, scopes, warnings, runId } = result;
  return {
    mode: "backup",
    fqdn: settings.fqdn,
    run_id: runId,
    passed: archive !== null && scopes.every(({ status }) => status === "packed"),
    archive: archive?.path ?? null,
    size_bytes: archive?.sizeBytes ?? null,
    read_back: tellReadBack(archive),
    scopes: Object.fromEntries(scopes.map((outcome) => [outcome.scope, scopeAsJson(outcome)])),
    warnings,
    protects_only_itself: settings.protectsOnlyItself,
    removed: retention?.removed.map(({ path }) => path) ?? [],
    log: logPath,
  };
}

/** null: it was not read back from where it lies now. */
function tellReadBack(archive: BackupResult["archive"]): "direct" | "page_cache" | null {
  if (archive?.path == null) return null;
  return archive.readBackWay === "direct" ? "direct" : "page_cache";
}

function scopeAsJson(outcome: ScopeOutcome): unknown {
  const common = { status: outcome.status === "packed" ? "completed" : "failed", duration_ms: outcome.durationMs };
  if (outcome.status === "failed") return { ...common, message: outcome.error.message, hint: outcome.error.hint };
  const { sizeBytes, storedBytes, entry } = outcome;
  return { ...common, member: entry.member, size_bytes: sizeBytes, stored_bytes: storedBytes, sha256: entry.sha256 };
}
