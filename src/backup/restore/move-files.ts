import { lstat, mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { writeDurably } from "../../database/embedded/passwords.ts";
import { systemErrorText } from "../system-error.ts";
import type { FilesUnit } from "./files-units.ts";

/**
 * Moves what is there aside and what was made ready into its place, unit by unit. A journal stands on the disk before the first and until after the last, so that a killed
 * run is undone by the next one. Throws RESTORE_FAILED where something cannot be moved, after everything is as it was.
 */
export async function moveIntoPlace(units: readonly FilesUnit[], journal: string): Promise<void> {
  await writeDurably(journal, JSON.stringify({ units }));
  try {
    for (const unit of units) await moveUnit(unit);
  } catch (error) {
    await moveBack(units);
    await rm(journal, { force: true });
    throw new BackupAwarenessError(
      "RESTORE_FAILED",
      `files cannot be moved into their place: ${systemErrorText(error)}`,
      {
        hint: "run as a user who may write there; a path that is a mount of its own inside another must be named by itself",
        cause: error,
      },
    );
  }
  await rm(journal, { force: true });
}

/** Undoes what a killed run had begun to move. Returns whether there was such a run. */
export async function undoKilledMove(journal: string): Promise<boolean> {
  const text = await readFile(journal, "utf8").catch(() => null);
  if (text === null) return false;
  const { units } = JSON.parse(text) as { readonly units: readonly FilesUnit[] };
  await moveBack(units);
  await rm(journal, { force: true });
  return true;
}

async function moveUnit({ target, staged, former, isThere, isStaged }: FilesUnit): Promise<void> {
  if (isThere) {
    await mkdir(dirname(former), { recursive: true, mode: 0o700 });
    await rename(target, former);
  }
  if (!isStaged) return;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await rename(staged, target);
}

/** Whatever of it was done: doing it twice changes nothing. */
async function moveBack(units: readonly FilesUnit[]): Promise<void> {
  for (const { target, staged, former, isThere, isStaged } of units.toReversed()) {
    if (isStaged && !(await exists(staged)) && (await exists(target))) await rename(target, staged);
    if (isThere && (await exists(former))) await rename(former, target);
  }
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}
