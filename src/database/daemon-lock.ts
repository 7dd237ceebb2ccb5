import { join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import { createHome } from "../settings/home.ts";
import type { Settings } from "../settings/settings.ts";
import { findLockHolder, takeLock, type HeldLock } from "./embedded/lock.ts";

/**
 * Makes this process the one daemon of this home, until it releases the lock or ends, killed or not. Makes the home where it is missing.
 * Throws HOME_IN_USE, naming the other daemon's process.
 */
export async function acquireDaemonLock(settings: Pick<Settings, "home">, userId: number | null): Promise<HeldLock> {
  await createHome(settings, userId);
  try {
    return await takeLock(lockDirectory(settings), 0);
  } catch (error) {
    const holder = await findDaemon(settings);
    if (!(error instanceof BackupAwarenessError) || error.code !== "HOME_IN_USE" || holder === null) throw error;
    throw new BackupAwarenessError(
      "HOME_IN_USE",
      `a daemon, process ${holder}, already works on the home "${settings.home}"`,
      {
        hint: "see what it says with: backup-awareness status; for a second daemon set BACKUP_AWARENESS_HOME to another place",
        cause: error,
      },
    );
  }
}

/** The process of the daemon that works on this home, or null: none does. */
export async function findDaemon(settings: Pick<Settings, "home">): Promise<number | null> {
  return findLockHolder(lockDirectory(settings));
}

function lockDirectory(settings: Pick<Settings, "home">): string {
  return join(settings.home, "daemon.lock");
}
