import { rm } from "node:fs/promises";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { Scope } from "../contract/scope.ts";
import { lockDirectory } from "./archive-lock.ts";
import { findArchives, type FoundArchive } from "./find-archives.ts";
import { planRetention, type RetainableArchive, type RetentionPlan, type RetentionRule } from "./retention.ts";
import { systemErrorText } from "./system-error.ts";
import { removeVerificationRecord } from "./verification-record.ts";

export type RetentionRequest = {
  readonly directory: string;
  /** Only this engine's archives are looked at. */
  readonly fqdn: string;
  readonly rule: RetentionRule;
  /** What a full backup must cover. */
  readonly requiredScopes: readonly Scope[];
};

export type FoundRetainable = FoundArchive & RetainableArchive;

/** What the rule says of the archives that are there; removes nothing. Files that are no archives of ours, or are damaged, are not even looked at. */
export async function planRemoval(
  { directory, fqdn, rule, requiredScopes }: RetentionRequest,
  now: Date,
): Promise<RetentionPlan<FoundRetainable>> {
  const { archives } = await findArchives(directory);
  const own = archives
    .filter(({ manifest }) => manifest.fqdn === fqdn)
    .map((archive) => ({
      ...archive,
      madeAt: new Date(archive.manifest.startedAt),
      scopes: Object.keys(archive.manifest.scopes),
      isVerified: archive.verification !== null,
    }));
  return planRetention(own, rule, requiredScopes, now);
}

/**
 * Removes the archives that the rule lets go, with what is remembered of them, while no other engine-backup is at work on the directory. Returns what was removed.
 * Throws BACKUP_RUNNING, and BACKUP_FAILED where one cannot be removed: those before it are gone then.
 */
export async function applyRetention(
  request: RetentionRequest,
  self: { readonly pid: number; readonly hostName: string; readonly clock: () => Date },
): Promise<RetentionPlan<FoundRetainable>> {
  const lock = await lockDirectory(request.directory, self);
  try {
    const plan = await planRemoval(request, self.clock());
    for (const { path } of plan.removed) {
      await rm(path, { force: true }).catch((error: unknown) => {
        throw new BackupAwarenessError(
          "BACKUP_FAILED",
          `the old archive "${path}" cannot be removed: ${systemErrorText(error)}`,
          { cause: error },
        );
      });
      await removeVerificationRecord(path);
    }
    return plan;
  } finally {
    await lock.release();
  }
}
