import { lstat, mkdir, opendir, readdir, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { humanSize } from "../../contract/human-size.ts";
import { type HeldLock, takeLock } from "../../database/embedded/lock.ts";
import { openInnerContent } from "../archive-reader/inner-content.ts";
import { type Archive, readMember } from "../archive-reader/open-archive.ts";
import { FedProgram } from "../fed-program.ts";
import { isWithin } from "../file-selection.ts";
import { findTar, type TarProgram, withoutTarOptions } from "../pack-files.ts";
import { describeEnd, runProgram } from "../run-program.ts";
import type { RunLog } from "../run-log.ts";
import { type Check, noted, passed, refused } from "./check.ts";
import {
  type FilesUnit,
  formerIn,
  planStaging,
  stagedIn,
  stagingPrefix,
  type StagingRoot,
  unitsOf,
} from "./files-units.ts";
import { moveIntoPlace, undoKilledMove } from "./move-files.ts";
import type { RestoredFiles } from "./restore-run.ts";
import type { EntryCounts, FilesScan } from "./scan-files.ts";

/** Below home, where like every lock they are never backed up; the journal stands for a lock that a killed run has left. */
const lockDirectory = "restore-files.lock";
const journalFile = "restore-files-journal.lock";
export const ownLocks: readonly string[] = [lockDirectory, journalFile];

const syncTimeoutMs = 10 * 60_000;

export type FilesRestore = {
  readonly archive: Archive;
  readonly scan: FilesScan;
  /** What the manifest says was packed; null: what the names in the tar say. */
  readonly packedPaths: readonly string[] | null;
  /** What the settings name; null: nothing, so that the defaults hold. */
  readonly configuredPaths: readonly string[];
  /** Of our own home: what a restore must leave where it is. */
  readonly stays: readonly string[];
  readonly home: string;
  readonly force: boolean;
  readonly dropsFormer: boolean;
  readonly stamp: string;
  readonly isRoot: boolean;
};

export type FilesMeans = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly log: RunLog;
};

/** Looks, and touches nothing. */
export async function checkFiles(restore: FilesRestore): Promise<Check[]> {
  const { scan, force, configuredPaths } = restore;
  const checks: Check[] = [];
  if (scan.objections.length > 0) {
    const finding = `what is in it must not be extracted: ${scan.objections.join("; ")}`;
    return [refused("files", finding, "no engine-backup packs that: somebody may have made this archive to harm you")];
  }
  const paths = pathsOf(restore);
  const foreign = paths.filter((path) => !configuredPaths.some((each) => path === each || isWithin(path, each)));
  if (foreign.length > 0) {
    const finding = `the settings of this machine do not name ${foreign.join(", ")}, which the archive holds`;
    checks.push(
      force
        ? noted("files", finding)
        : refused("files", finding, "name them in scopes.files.paths in config.toml, or add --force"),
    );
  }
  if (paths.includes("/"))
    return [...checks, refused("files", "the whole root directory cannot be replaced", "extract it by hand")];
  const full: string[] = [];
  for (const path of paths) if (await hasContent(path, restore.stays)) full.push(path);
  if (full.length === 0) checks.push(passed("files", `nothing is there yet of ${paths.join(", ")}`));
  else if (force) checks.push(noted("files", `will be replaced: ${full.join(", ")}`));
  else checks.push(refused("files", `there is something already in ${full.join(", ")}`, "add --force to replace it"));
  checks.push(...(await checkSpace(paths, restore)));
  if (!restore.isRoot)
    checks.push(noted("files", "all files will belong to whoever restores", "run as root to restore their owners"));
  return checks;
}

async function checkSpace(paths: readonly string[], { stamp, scan }: FilesRestore): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { root } of await planStaging(paths, stamp)) {
    const { bavail, bsize } = await statfs(dirname(root));
    const [freeBytes, place] = [bavail * bsize, dirname(root)];
    checks.push(
      freeBytes < scan.contentBytes
        ? refused(
            "files",
            `"${place}" has ${humanSize(freeBytes)} left for ${humanSize(scan.contentBytes)} of files`,
            "make room there",
          )
        : passed("files", `"${place}" has ${humanSize(freeBytes)} left for ${humanSize(scan.contentBytes)} of files`),
    );
  }
  return checks;
}

function pathsOf({ packedPaths, scan }: Pick<FilesRestore, "packedPaths" | "scan">): readonly string[] {
  return packedPaths ?? scan.tops;
}

async function hasContent(path: string, stays: readonly string[]): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return false;
  if (!found.isDirectory()) return true;
  for (const name of await readdir(path)) {
    const child = join(path, name);
    if (!name.startsWith(stagingPrefix) && !stays.some((place) => place === child || isWithin(place, child)))
      return true;
  }
  return false;
}

/** Files that were made ready and wait to be moved into their place. */
export type PreparedFiles = {
  /** Throws RESTORE_FAILED with the former state in place. */
  settle(): Promise<RestoredFiles>;
  /** Removes what was made ready. Calling it after `settle` only lets go of the lock. Never throws. */
  discard(): Promise<void>;
};

/** Extracts the files beside where they belong and compares them with the archive. Throws RESTORE_FAILED; what was made until then is removed. */
export async function prepareFiles(restore: FilesRestore, means: FilesMeans): Promise<PreparedFiles> {
  const lock = await takeLock(join(restore.home, lockDirectory), 0);
  const run = new FilesRun(restore, means, lock);
  try {
    await run.prepare();
    return run;
  } catch (error) {
    await run.discard();
    throw error;
  }
}

class FilesRun implements PreparedFiles {
  readonly #restore: FilesRestore;
  readonly #means: FilesMeans;
  readonly #lock: HeldLock;
  readonly #journal: string;
  #roots: readonly StagingRoot[] = [];
  #units: FilesUnit[] = [];
  #differences: string[] = [];
  #isSettled = false;

  constructor(restore: FilesRestore, means: FilesMeans, lock: HeldLock) {
    this.#restore = restore;
    this.#means = means;
    this.#lock = lock;
    this.#journal = join(restore.home, journalFile);
  }

  async prepare(): Promise<void> {
    const { stamp, stays } = this.#restore;
    const { log } = this.#means;
    if (await undoKilledMove(this.#journal)) log.info("undid what a killed restore of files had begun");
    const paths = pathsOf(this.#restore);
    this.#roots = await planStaging(paths, stamp);
    const tar = await findTar(this.#means.env, this.#means.signal);
    for (const staging of this.#roots) {
      await removeAbandoned(dirname(staging.root), log);
      await mkdir(stagedIn(staging.root), { recursive: true, mode: 0o700 });
      await this.#extract(staging, tar);
    }
    await this.#compare(paths);
    for (const { root, paths: ofRoot } of this.#roots) {
      await this.#sync(root);
      for (const path of ofRoot) this.#units.push(...(await unitsOf(path, root, stays)));
    }
  }

  async settle(): Promise<RestoredFiles> {
    const { dropsFormer, scan } = this.#restore;
    await moveIntoPlace(this.#units, this.#journal);
    this.#isSettled = true;
    const former: string[] = [];
    for (const { root } of this.#roots) {
      const kept = formerIn(root);
      const hasFormer = (await lstat(kept).catch(() => null)) !== null;
      if (hasFormer && !dropsFormer) {
        former.push(kept);
        await rm(stagedIn(root), { recursive: true, force: true });
      } else await rm(root, { recursive: true, force: true });
    }
    return {
      paths: pathsOf(this.#restore),
      files: scan.counts.files,
      contentBytes: scan.contentBytes,
      differences: this.#differences,
      former,
      warnings: [],
    };
  }

  async discard(): Promise<void> {
    if (!this.#isSettled)
      for (const { root } of this.#roots) await rm(root, { recursive: true, force: true }).catch(() => undefined);
    await this.#lock.release();
  }

  async #extract({ root, paths }: StagingRoot, tar: TarProgram): Promise<void> {
    const { archive, isRoot } = this.#restore;
    const { env, signal, log } = this.#means;
    const names = this.#roots.length === 1 ? [] : paths.map((path) => `.${path}`);
    const program = new FedProgram({
      program: tar.program,
      arguments: [
        ...(tar.isGnu
          ? [
              "--extract",
              "--acls",
              "--xattrs",
              "--xattrs-include=*",
              isRoot ? "--same-owner" : "--no-same-owner",
              "--file=-",
            ]
          : ["-x", "-f", "-"]),
        ...(tar.isGnu
          ? ["--preserve-permissions", "--quoting-style=escape", `--directory=${stagedIn(root)}`]
          : ["-p", "-C", stagedIn(root)]),
        ...(names.length === 0 ? [] : ["--", ...names]),
      ],
      env: withoutTarOptions(env),
      signal,
      keepsOutput: false,
    });
    try {
      const { chunks } = await openInnerContent(readMember(archive, "./files", { env, signal }), { env, signal });
      for await (const chunk of chunks) if (!(await program.write(chunk))) break;
      program.endInput();
      const end = await program.end();
      for (const line of end.tail) log.info(`tar: ${line}`);
      if (end.exitCode !== 0)
        throw new BackupAwarenessError("RESTORE_FAILED", describeEnd("tar", end), {
          hint: `look at the space left in "${dirname(root)}", and at the rights there`,
        });
    } finally {
      program.stop();
    }
  }

  async #compare(paths: readonly string[]): Promise<void> {
    const found = { files: 0, directories: 0, symbolicLinks: 0 };
    for (const { root, paths: ofRoot } of this.#roots)
      for (const path of ofRoot) await countEntries(join(stagedIn(root), path), found);
    const { counts } = this.#restore.scan;
    this.#means.log.info(`extracted ${paths.join(", ")}: ${found.files} files, ${found.directories} directories`);
    const kinds: readonly (keyof EntryCounts)[] = ["files", "directories", "symbolicLinks"];
    this.#differences = kinds
      .filter((kind) => found[kind] !== counts[kind])
      .map((kind) => `${found[kind]} instead of ${counts[kind]} ${kind === "symbolicLinks" ? "symbolic links" : kind}`);
    if (this.#differences.length > 0)
      throw new BackupAwarenessError(
        "RESTORE_FAILED",
        `what was extracted is not what the archive holds: ${this.#differences.join("; ")}`,
      );
  }

  /** A rename must not be on the disk before what it renames. Where there is no `sync`, the system writes in its own time. */
  async #sync(root: string): Promise<void> {
    const { env, signal } = this.#means;
    const call = { program: "sync", arguments: ["-f", root], env, signal, silenceLimitMs: syncTimeoutMs };
    await runProgram({ ...call, onErrorLine: () => undefined }, () => Promise.resolve()).catch(() =>
      signal.throwIfAborted(),
    );
  }
}

async function countEntries(
  path: string,
  counts: { files: number; directories: number; symbolicLinks: number },
): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return;
  if (found.isSymbolicLink()) counts.symbolicLinks++;
  else if (!found.isDirectory()) counts.files++;
  else {
    counts.directories++;
    for await (const entry of await opendir(path)) await countEntries(join(path, entry.name), counts);
  }
}

/** What killed runs have left; what keeps a former state stays. */
async function removeAbandoned(directory: string, log: RunLog): Promise<void> {
  for (const name of await readdir(directory)) {
    const root = join(directory, name);
    if (!name.startsWith(stagingPrefix) || (await lstat(formerIn(root)).catch(() => null)) !== null) continue;
    await rm(root, { recursive: true, force: true });
    log.info(`removed "${root}", which a killed restore had left`);
  }
}
