import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import { backupTimer, backupUnit, daemonUnit, type UnitFile } from "./service-units.ts";

/** Runs systemctl with these words and returns what it printed. Rejects where it fails. */
export type Systemctl = (...words: readonly string[]) => Promise<string>;

export type ServiceOptions = {
  /** Where units are put: /etc/systemd/system, or a user's own. */
  readonly directory: string;
  readonly systemctl: Systemctl;
};

/**
 * Writes the units, enables them and starts them anew. `runningDaemon` is the process that works on the home, or null: one that the service did not
 * start is left alone, since two cannot share a home. Calling twice is safe: that is how an upgrade is taken up.
 *
 * @returns whether the daemon was started
 */
export async function installService(
  units: readonly UnitFile[],
  runningDaemon: number | null,
  { directory, systemctl }: ServiceOptions,
): Promise<{ readonly started: boolean }> {
  try {
    await mkdir(directory, { recursive: true });
    for (const { name, text } of units) {
      // Under another name first: systemd never reads half a unit.
      const draft = join(directory, `.${name}.draft`);
      await writeFile(draft, text, { mode: 0o644 });
      await rename(draft, join(directory, name));
    }
  } catch (error) {
    throw unwritable(directory, error);
  }
  await systemctl("daemon-reload");
  await systemctl("enable", daemonUnit, backupTimer);
  await systemctl("start", backupTimer);
  const ownPid =
    runningDaemon === null
      ? null
      : Number.parseInt(await systemctl("show", "--property=MainPID", "--value", daemonUnit), 10);
  if (runningDaemon !== null && runningDaemon !== ownPid) return { started: false };
  await systemctl("restart", daemonUnit);
  return { started: true };
}

/** Stops and forgets the service; what it has recorded and saved stays. Calling twice is safe. */
export async function uninstallService({ directory, systemctl }: ServiceOptions): Promise<void> {
  // What is not there cannot be disabled, and need not be.
  await systemctl("disable", "--now", backupTimer, daemonUnit).catch(() => undefined);
  try {
    for (const name of [daemonUnit, backupUnit, backupTimer]) await rm(join(directory, name), { force: true });
  } catch (error) {
    throw unwritable(directory, error);
  }
  await systemctl("daemon-reload");
}

function unwritable(directory: string, error: unknown): BackupAwarenessError {
  const reason = error instanceof Error ? error.message : String(error);
  return new BackupAwarenessError("HOME_UNUSABLE", `cannot write in "${directory}": ${reason}`, {
    hint: "run it with sudo, or with --user for a service of your own",
    cause: error,
  });
}
