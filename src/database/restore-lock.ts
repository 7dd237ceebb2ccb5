import { join } from "node:path";
import type { Settings } from "../settings/settings.ts";
import { findLockHolder, takeLock, type HeldLock } from "./embedded/lock.ts";

/**
 * Asks the daemon of this home to let go of our own database, until the lock is released or this process ends, killed or not. Throws HOME_IN_USE where another restore
 * holds it.
 */
export async function takeRestoreLock(settings: Pick<Settings, "home">): Promise<HeldLock> {
  return takeLock(lockDirectory(settings), 0);
}

/** The process that restores our own database, or null: none does. */
export async function findRestore(settings: Pick<Settings, "home">): Promise<number | null> {
  return findLockHolder(lockDirectory(settings));
}

/** Like every lock below home it is never backed up. */
function lockDirectory({ home }: Pick<Settings, "home">): string {
  return join(home, "restore.lock");
}
