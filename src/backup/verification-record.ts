import { randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import { systemErrorCode, systemErrorText } from "./system-error.ts";

/*
 * That an archive was verified stands in a small hidden file beside it, so that it is found without any database and goes where the directory goes. It holds as long as the archive's
 * size and time of change are those that were verified.
 */

/** When an archive was verified, and by which program. */
export type VerificationRecord = { readonly verifiedAt: Date; readonly programVersion: string };

/** What says that a file is still the one that was looked at. */
type FileState = { readonly sizeBytes: string; readonly modifiedNs: string };

/** Where the record of an archive is. */
function verificationRecordPath(archivePath: string): string {
  return join(dirname(archivePath), `.${basename(archivePath)}.verified.json`);
}

/** The state of an archive before it is verified: a change meanwhile must not go unseen. */
export async function readFileState(archivePath: string): Promise<FileState> {
  const { size, mtimeNs } = await stat(archivePath, { bigint: true });
  return { sizeBytes: String(size), modifiedNs: String(mtimeNs) };
}

/** Remembers that an archive in this state was verified. Throws ARCHIVE_UNREADABLE where its directory cannot be written. */
export async function writeVerificationRecord(
  archivePath: string,
  state: FileState,
  record: VerificationRecord,
): Promise<void> {
  const path = verificationRecordPath(archivePath);
  const unfinished = `${path}.${randomUUID()}`;
  const text = `${JSON.stringify({ recordVersion: 1, ...state, ...record })}\n`;
  try {
    await writeFile(unfinished, text, { flag: "wx", mode: 0o600 });
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw new BackupAwarenessError(
      "ARCHIVE_UNREADABLE",
      `that the archive was verified cannot be kept in "${path}": ${systemErrorText(error)}`,
      { hint: "make the directory writable, and verify it again", cause: error },
    );
  }
}

/** When this very file was verified; null: never, or it has changed since. */
export async function readVerificationRecord(archivePath: string): Promise<VerificationRecord | null> {
  try {
    const state = await readFileState(archivePath);
    const parsed: unknown = JSON.parse(await readFile(verificationRecordPath(archivePath), "utf8"));
    if (typeof parsed !== "object" || parsed === null) return null;
    const { recordVersion, sizeBytes, modifiedNs, verifiedAt, programVersion } = parsed as Record<string, unknown>;
    if (recordVersion !== 1 || sizeBytes !== state.sizeBytes || modifiedNs !== state.modifiedNs) return null;
    if (typeof verifiedAt !== "string" || typeof programVersion !== "string") return null;
    const at = new Date(verifiedAt);
    return Number.isNaN(at.getTime()) ? null : { verifiedAt: at, programVersion };
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) !== null) return null;
    throw error;
  }
}

/** An archive that was found damaged, or is no more, is verified no longer. Calling twice is safe. */
export async function removeVerificationRecord(archivePath: string): Promise<void> {
  await rm(verificationRecordPath(archivePath), { force: true });
}
