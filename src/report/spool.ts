import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { Report } from "../contract/report.ts";
import { decodeSpooledReport, encodeSpooledReport } from "./spooled-report.ts";

/*
 * Where reports wait for the database: one file each. A file's number is one above the highest that is there, so that names sort in the order in which
 * the reports were kept, whatever the clock does. Two reports that are kept at the same instant may share a number; neither came first.
 */

const numberDigits = 12;
const reportName = /^(\d{12})-[0-9a-f-]{36}\.json$/;
const draftPrefix = ".draft-";
/** A draft so old belongs to a writer that was killed: what it held was never said to be kept. */
const deadDraftMs = 3_600_000;
export const refusedDirectoryName = "refused";

/** Records a report; throws REPORT_INVALID where the database will never take it, anything else where it may take it later. Recording twice is safe. */
export type RecordReport = (report: Report) => Promise<unknown>;

/**
 * Keeps a report for later. When this returns, a power cut does not lose it. Throws SPOOL_FAILED: then the report is kept nowhere, and the caller
 * shows it.
 */
export async function spoolReport(spoolDirectory: string, report: Report): Promise<void> {
  try {
    await mkdir(spoolDirectory, { recursive: true, mode: 0o700 });
    const highest = (await listReports(spoolDirectory)).at(-1);
    const number = highest === undefined ? 1 : Number(highest.slice(0, numberDigits)) + 1;
    const name = `${String(number).padStart(numberDigits, "0")}-${randomUUID()}.json`;
    await writeDurably(spoolDirectory, name, encodeSpooledReport(report));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackupAwarenessError("SPOOL_FAILED", `the report could not be kept in "${spoolDirectory}": ${reason}`, {
      hint: "make room there, then report the backup by hand (LogEngineBackupEvent)",
      cause: error,
    });
  }
}

export type Replay = {
  readonly recorded: number;
  /** Files that were set aside: what the database refuses for good, or cannot be read. */
  readonly refused: readonly { readonly file: string; readonly reason: string }[];
  /** How many wait on. */
  readonly remaining: number;
  /** Why it stopped; null: nothing is left. */
  readonly stoppedBy: unknown;
};

/**
 * Records what waits in the spool, oldest first, and removes each file once its report is recorded. Stops at the first report that the database cannot take
 * now. A report that it will never take goes to `refused/`, with the reason beside it, and the others go on. Two replays at once are
 * safe. Throws SPOOL_FAILED where the spool itself cannot be read or changed.
 */
export async function replaySpool(spoolDirectory: string, record: RecordReport): Promise<Replay> {
  const refused: { file: string; reason: string }[] = [];
  let recorded = 0;
  const names = await openSpool(spoolDirectory);
  for (const [done, name] of names.entries()) {
    const path = join(spoolDirectory, name);
    const text = await readIfThere(path);
    // Another replay was faster.
    if (text === null) continue;
    const decoded = decodeSpooledReport(text);
    const outcome = "fault" in decoded ? { refusedBy: decoded.fault } : await tryToRecord(record, decoded.report);
    if ("stoppedBy" in outcome)
      return { recorded, refused, remaining: names.length - done, stoppedBy: outcome.stoppedBy };
    if ("refusedBy" in outcome) {
      await refuse(spoolDirectory, name, outcome.refusedBy);
      refused.push({ file: join(spoolDirectory, refusedDirectoryName, name), reason: outcome.refusedBy });
    } else {
      await change(() => rm(path, { force: true }));
      recorded++;
    }
  }
  return { recorded, refused, remaining: 0, stoppedBy: null };
}

type Outcome = { readonly recorded: true } | { readonly refusedBy: string } | { readonly stoppedBy: unknown };

async function tryToRecord(record: RecordReport, report: Report): Promise<Outcome> {
  try {
    await record(report);
    return { recorded: true };
  } catch (error) {
    const isRefused = error instanceof BackupAwarenessError && error.code === "REPORT_INVALID";
    return isRefused ? { refusedBy: error.message } : { stoppedBy: error };
  }
}

/** The waiting reports, oldest first; what killed writers left is cleared away. */
async function openSpool(spoolDirectory: string): Promise<string[]> {
  return change(async () => {
    const names = await readdir(spoolDirectory).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    for (const name of names.filter((each) => each.startsWith(draftPrefix))) {
      const path = join(spoolDirectory, name);
      const found = await stat(path).catch(() => null);
      if (found !== null && Date.now() - found.mtimeMs > deadDraftMs) await rm(path, { force: true });
    }
    return names.filter((name) => reportName.test(name)).toSorted();
  });
}

async function listReports(spoolDirectory: string): Promise<string[]> {
  return (await readdir(spoolDirectory)).filter((name) => reportName.test(name)).toSorted();
}

async function readIfThere(path: string): Promise<string | null> {
  return change(() =>
    readFile(path, "utf8").catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    }),
  );
}

async function refuse(spoolDirectory: string, name: string, reason: string): Promise<void> {
  await change(async () => {
    const directory = join(spoolDirectory, refusedDirectoryName);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeDurably(directory, `${name}.reason`, `${reason}\n`);
    await rename(join(spoolDirectory, name), join(directory, name)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  });
}

/** Either the whole file is there afterwards, on the device, or none of that name. */
async function writeDurably(directory: string, name: string, text: string): Promise<void> {
  const draft = join(directory, `${draftPrefix}${randomUUID()}`);
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, join(directory, name));
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function change<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackupAwarenessError("SPOOL_FAILED", `the spool cannot be read or changed: ${reason}`, {
      hint: "look at its owner and mode, and at the free space",
      cause: error,
    });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
