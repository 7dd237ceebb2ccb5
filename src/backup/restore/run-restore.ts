import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { Scope } from "../../contract/scope.ts";
import { homePlaces } from "../../settings/settings.ts";
import { reportsOfArchive } from "./archive-reports.ts";
import { type Check, noted, passed, refused } from "./check.ts";
import { extractArchive, type ExtractedArchive, type ExtractedDump } from "./extract-archive.ts";
import { checkFiles, type FilesRestore, ownLocks, prepareFiles, type PreparedFiles } from "./restore-files.ts";
import { planDatabase } from "./plan-database.ts";
import { prepareDatabase, type DatabaseRestore, type PreparedDatabase } from "./restore-database.ts";
import { restoreStamp } from "./restore-names.ts";
import type { OpenTarget, RestoreMeans, RestoreRequest, RestoreResult, ScopeRestored } from "./restore-run.ts";
import { makeTemporaryDirectory } from "./temporary-directory.ts";

/**
 * Restores what an archive holds. First everything is looked at: the archive is read to its end and each target examined; a check that refuses ends it with nothing touched. Then every
 * scope is restored beside what is there and compared, and only when all are, each takes its place. Throws ARCHIVE_…, RESTORE_FAILED and what the servers say, with
 * a message that tells which state is there.
 */
export async function runRestore(request: RestoreRequest, means: RestoreMeans): Promise<RestoreResult> {
  const run = new RestoreRun(request, means);
  return run.perform();
}

type PlannedDatabase = { readonly scope: Scope; readonly restore: DatabaseRestore; readonly target: OpenTarget };
type Prepared = { readonly scope: Scope; readonly startedMs: number } & (
  | { readonly kind: "database"; readonly work: PreparedDatabase }
  | { readonly kind: "files"; readonly work: PreparedFiles }
);

class RestoreRun {
  readonly #request: RestoreRequest;
  readonly #means: RestoreMeans;
  readonly #stamp: string;
  readonly #checks: Check[] = [];
  readonly #targets: OpenTarget[] = [];
  readonly #prepared: Prepared[] = [];
  #files: FilesRestore | null = null;
  readonly #restored: ScopeRestored[] = [];

  constructor(request: RestoreRequest, means: RestoreMeans) {
    this.#request = request;
    this.#means = means;
    this.#stamp = restoreStamp(means.clock());
  }

  async perform(): Promise<RestoreResult> {
    const { temporaryParent, keepsTemporary } = this.#request;
    const directory = await makeTemporaryDirectory(temporaryParent, this.#means, this.#means.log);
    try {
      const archive = await this.#read(directory);
      const databases = await this.#plan(archive);
      const refuses = this.#checks.some(({ outcome }) => outcome === "refused");
      if (!refuses && !this.#request.dryRun) await this.#restore(archive, databases);
      return {
        manifest: archive.description.manifest,
        checks: this.#checks,
        restored: this.#restored,
        temporaryDirectory: keepsTemporary ? directory : null,
      };
    } finally {
      for (const { work } of this.#prepared) await work.discard();
      for (const target of this.#targets) await target.close();
      if (!keepsTemporary) await rm(directory, { recursive: true, force: true });
    }
  }

  async #read(directory: string): Promise<ExtractedArchive> {
    const { path, scopes } = this.#request;
    const { env, signal, onProgress, log } = this.#means;
    log.info(`reading ${path}`);
    const archive = await extractArchive(
      { path, scopes, directory },
      { env, signal, onProgress: (progress) => onProgress({ step: "read", ...progress }) },
    );
    const { manifest, members } = archive.description;
    log.info(`read to its end: ${members.length} members, all checksums as written`);
    this.#checks.push(passed("archive", `read to its end: ${members.length} members, all checksums as written`));
    const there = new Set(members.map(({ scope }) => scope));
    const missing = (manifest?.askedScopes ?? []).filter((scope) => !there.has(scope));
    if (missing.length > 0)
      this.#checks.push(noted("archive", `it lacks ${missing.join(", ")}, whose backup failed when it was made`));
    return archive;
  }

  async #plan(archive: ExtractedArchive): Promise<PlannedDatabase[]> {
    const planned: PlannedDatabase[] = [];
    for (const [scope, dump] of archive.dumps) {
      try {
        const plan = await this.#planDatabase(scope, dump, archive);
        if (plan !== null) planned.push(plan);
      } catch (error) {
        this.#means.signal.throwIfAborted();
        if (!(error instanceof BackupAwarenessError)) throw error;
        this.#checks.push(refused(scope, error.message, error.hint ?? "see the log"));
      }
    }
    await this.#planFiles(archive);
    // Our own database last: until then it takes the events.
    return planned.toSorted((one, other) => Number(one.target.own !== null) - Number(other.target.own !== null));
  }

  async #planFiles(archive: ExtractedArchive): Promise<void> {
    const scan = archive.files;
    if (scan === null) return;
    const { settings, force, dropsFormer } = this.#request;
    const configured = settings.scopes.get("files");
    const home = Object.values(homePlaces).map((name) => join(settings.home, name));
    const locks = (await readdir(settings.home)).filter((name) => name.endsWith(".lock"));
    locks.push(...ownLocks);
    const restore: FilesRestore = {
      archive: archive.archive,
      scan,
      packedPaths: archive.description.manifest?.scopes["files"]?.files?.paths ?? null,
      configuredPaths: configured?.kind === "files" ? configured.paths : [],
      stays: [...home, settings.archiveDirectory, ...locks.map((name) => join(settings.home, name))],
      home: settings.home,
      force,
      dropsFormer,
      stamp: this.#stamp,
      isRoot: this.#means.userId === 0,
    };
    const checks = await checkFiles(restore);
    this.#checks.push(...checks);
    if (!checks.some(({ outcome }) => outcome === "refused")) this.#files = restore;
  }

  async #planDatabase(scope: Scope, dump: ExtractedDump, archive: ExtractedArchive): Promise<PlannedDatabase | null> {
    const { force, disconnect, permissions, provisions, dropsFormer, jobs } = this.#request;
    const target = await this.#means.openTarget(scope);
    this.#targets.push(target);
    const { own } = target;
    const { manifest } = archive.description;
    const { checks, restore } = await planDatabase(
      {
        scope,
        server: target.server,
        admin: target.admin,
        role: target.role,
        dump,
        archived: manifest?.scopes[scope]?.database ?? null,
        globals: archive.globals.get(`./globals-${scope}.sql`) ?? archive.globals.get("./globals.sql") ?? null,
        wishes: { force, disconnect, permissions, provision: provisions(scope) },
        dropsFormer,
        jobs,
        stamp: this.#stamp,
        standsBack: own?.standsBack ?? (() => false),
        finish: own === null ? null : (database) => own.finish(database, reportsOfArchive(archive)),
      },
      this.#means,
    );
    this.#checks.push(...checks);
    return restore === null ? null : { scope, restore, target };
  }

  async #restore(archive: ExtractedArchive, databases: readonly PlannedDatabase[]): Promise<void> {
    const fqdn = archive.description.manifest?.fqdn ?? this.#request.settings.fqdn;
    const { tell, log } = this.#means;
    const scopes = [...databases.map(({ scope }) => scope), ...(this.#files === null ? [] : ["files"])];
    for (const scope of scopes) await tell("ENGINE_RESTORE_STARTED", fqdn, scope, `from "${this.#request.path}"`);
    try {
      if (this.#files !== null) await this.#prepareFiles(this.#files);
      for (const planned of databases) await this.#prepare(planned);
      // Files first: to move them back is easy. Our own database last, until then it takes the events.
      for (const prepared of this.#prepared) await this.#settle(prepared);
    } catch (cause) {
      const error = this.#withState(cause, scopes);
      log.error(error.message);
      for (const scope of scopes) {
        if (!this.#restored.some((done) => done.scope === scope))
          await tell("ENGINE_RESTORE_FAILED", fqdn, scope, error.message);
      }
      throw error;
    } finally {
      for (const { scope, ...done } of this.#restored)
        await tell("ENGINE_RESTORE_COMPLETED", fqdn, scope, describeRestored({ scope, ...done }, this.#request.path));
    }
  }

  async #prepare({ scope, restore, target }: PlannedDatabase): Promise<void> {
    const startedMs = performance.now();
    this.#means.onProgress({ step: "restoring", scope });
    await target.own?.standBack();
    const work = await prepareDatabase(restore, this.#means);
    this.#prepared.push({ scope, kind: "database", startedMs, work });
  }

  async #prepareFiles(restore: FilesRestore): Promise<void> {
    const startedMs = performance.now();
    this.#means.onProgress({ step: "restoring", scope: "files" });
    this.#prepared.push({ scope: "files", kind: "files", startedMs, work: await prepareFiles(restore, this.#means) });
  }

  async #settle(prepared: Prepared): Promise<void> {
    this.#means.signal.throwIfAborted();
    const { scope, startedMs } = prepared;
    const lasted = () => Math.round(performance.now() - startedMs);
    const done: ScopeRestored =
      prepared.kind === "files"
        ? { scope, kind: "files", restored: await prepared.work.settle(), durationMs: lasted() }
        : { scope, kind: "database", restored: await prepared.work.settle(), durationMs: lasted() };
    this.#restored.push(done);
    this.#means.log.info(describeRestored(done, this.#request.path));
  }

  /** The failure, and what is where now. */
  #withState(cause: unknown, scopes: readonly Scope[]): BackupAwarenessError {
    const message = cause instanceof Error ? cause.message : String(cause);
    const done = this.#restored.map(({ scope }) => scope);
    const untouched = scopes.filter((scope) => !done.includes(scope));
    const state =
      done.length === 0
        ? `nothing was replaced: ${untouched.join(", ")} ${untouched.length === 1 ? "is" : "are"} as before`
        : `restored: ${done.join(", ")}; as before: ${untouched.join(", ")}`;
    const hint = cause instanceof BackupAwarenessError ? cause.hint : null;
    return new BackupAwarenessError("RESTORE_FAILED", `${message}\n${state}`, {
      cause,
      ...(hint === null ? {} : { hint }),
    });
  }
}

/** `restored and compared: 12 tables, 3400 rows` or what differs. */
export function describeRestored({ kind, restored }: ScopeRestored, archive: string): string {
  const from = ` from "${archive}"`;
  if (kind === "files") {
    return restored.differences.length === 0
      ? `restored and compared${from}: ${restored.files} files`
      : `restored${from}, and differs from the archive: ${restored.differences.join("; ")}`;
  }
  const { tables, rows, differences, isCompared } = restored;
  if (differences.length > 0) return `restored${from}, and differs from the archive: ${differences.join("; ")}`;
  return `restored${isCompared ? " and compared" : ""}${from}: ${tables} tables, ${rows} rows`;
}
