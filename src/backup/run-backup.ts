import { randomUUID } from "node:crypto";
import { rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { Report, ReportStatus } from "../contract/report.ts";
import type { Scope } from "../contract/scope.ts";
import { lockDirectory, lockName, type ArchiveLock } from "./archive-lock.ts";
import {
  createArchiveDirectory,
  createUnfinished,
  demandReplaceable,
  freeName,
  giveName,
  removeUnfinished,
  type UnfinishedArchive,
} from "./archive-place.ts";
import { ArchiveWriter } from "./archive-writer.ts";
import { backUpDatabase } from "./back-up-database.ts";
import { backUpFiles } from "./back-up-files.ts";
import type { BackupMeans, BackupRequest, BackupResult, ScopeOutcome } from "./backup-run.ts";
import { openForReadBack, type ReadBackWay } from "./direct-read.ts";
import { formatManifest, type ManifestScope } from "./manifest.ts";
import { archiveConfig, archiveName, planScopes, type ScopePlan } from "./plan.ts";
import { readBackFile } from "./read-back-file.ts";
import type { ExcludedTables } from "./references-to-left-out.ts";
import { describeFailure, describeSuccess } from "./report-message.ts";

/**
 * Makes one archive of the scopes asked for and reports each: started before its first byte, completed when the archive
 * is whole, verified and named, failed in any other case. A scope that fails leaves the others alone. Throws SCOPE_UNCONFIGURED, BACKUP_RUNNING, and
 * BACKUP_FAILED where not even a beginning could be made (reported as failed); everything else is in the result.
 */
export async function runBackup(request: BackupRequest, means: BackupMeans): Promise<BackupResult> {
  const plans = planScopes(request.settings, request.scopes);
  const run = new BackupRun(request, means, plans);
  return run.perform();
}

type Place = {
  readonly directory: string;
  readonly lock: ArchiveLock;
  readonly unfinished: UnfinishedArchive;
  readonly path: string | null;
};

class BackupRun {
  readonly #request: BackupRequest;
  readonly #means: BackupMeans;
  readonly #plans: readonly ScopePlan[];
  readonly #runId = randomUUID();
  readonly #startedAt: Date;
  readonly #outcomes: ScopeOutcome[] = [];
  readonly #warnings: string[] = [];
  readonly #globals: { readonly memberName: string; readonly sql: string }[] = [];
  readonly #serversWithGlobals = new Set<string>();
  /** What is protected, by the directory where it lies. */
  readonly #protectedPlaces = new Map<string, string>();
  readonly #lostReports: { report: Report; error: unknown }[] = [];

  constructor(request: BackupRequest, means: BackupMeans, plans: readonly ScopePlan[]) {
    this.#request = request;
    this.#means = means;
    this.#plans = plans;
    this.#startedAt = means.clock();
  }

  async perform(): Promise<BackupResult> {
    const { log } = this.#means;
    log.info(
      `engine-backup ${this.#means.programVersion}, run ${this.#runId}, engine ${this.#request.settings.fqdn}, scopes ${this.#scopeNames().join(", ")}`,
    );
    const place = await this.#takePlace();
    const writer = new ArchiveWriter(place.unfinished.file, place.path ?? "standard output");
    try {
      await this.#packAll(place, writer);
      const archive = await this.#completeArchive(place, writer);
      await this.#reportCompleted(archive);
      return {
        runId: this.#runId,
        archive,
        scopes: this.#outcomes,
        warnings: this.#warnings,
        onSameFileSystem: await this.#findOnSameFileSystem(place.directory),
        freeBytes: await freeBytes(place.directory),
        lostReports: this.#lostReports,
      };
    } finally {
      writer.close();
      await place.unfinished.file.close();
      await rm(place.unfinished.path, { force: true });
      await place.lock.release();
    }
  }

  #scopeNames(): Scope[] {
    return this.#plans.map(({ scope }) => scope);
  }

  async #takePlace(): Promise<Place> {
    const { settings, file } = this.#request;
    const inArchiveDirectory = file === null || file === "-";
    const directory = inArchiveDirectory ? settings.archiveDirectory : dirname(file);
    let lock: ArchiveLock | null = null;
    try {
      if (inArchiveDirectory) await createArchiveDirectory(directory);
      else await demandReplaceable(file);
      lock = await lockDirectory(directory, this.#means);
      for (const name of await removeUnfinished(directory))
        this.#means.log.info(`removed "${name}", which a killed run had left`);
      const unfinished = await createUnfinished(directory, this.#means.pid);
      return { directory, lock, unfinished, path: file === "-" ? null : (file ?? (await this.#freeName(directory))) };
    } catch (error) {
      await lock?.release();
      // The other run reports for itself.
      const isRunning = error instanceof BackupAwarenessError && error.code === "BACKUP_RUNNING";
      if (!isRunning) await this.#failAll(error);
      throw error;
    }
  }

  #freeName(directory: string): Promise<string> {
    const coversAll = this.#plans.length === this.#request.settings.scopes.size;
    return freeName(
      directory,
      archiveName(this.#request.settings.fqdn, this.#startedAt, this.#scopeNames(), coversAll),
    );
  }

  async #packAll(place: Place, writer: ArchiveWriter): Promise<void> {
    const hasDatabase = this.#plans.some(({ settings }) => settings.kind === "database");
    const excluded = hasDatabase ? await this.#readExcluded() : this.#request.excluded;
    for (const plan of this.#plans) {
      if (writer.isBroken || this.#means.signal.aborted) {
        const cause = writer.isBroken ? "the archive could not be written" : "the run was interrupted";
        await this.#fail(
          plan.scope,
          this.#means.clock(),
          0,
          new BackupAwarenessError("BACKUP_FAILED", `not begun, since ${cause}`),
        );
      } else await this.#pack(plan, place, writer, excluded);
    }
  }

  async #readExcluded(): Promise<ExcludedTables> {
    const { excluded } = this.#request;
    const options = await this.#means.readExcluded();
    return {
      tables: [...options.tables, ...excluded.tables],
      tableData: [...options.tableData, ...excluded.tableData],
    };
  }

  async #pack(plan: ScopePlan, place: Place, writer: ArchiveWriter, excluded: ExcludedTables): Promise<void> {
    const { scope, memberName } = plan;
    const startedAt = this.#means.clock();
    const startedMs = performance.now();
    await this.#report(scope, "started", startedAt, `engine-backup of scope ${scope} started`);
    this.#means.onProgress({ step: "begun", scope });
    this.#means.log.info(`scope ${scope}: started`);
    try {
      await writer.beginMember(memberName);
      const made = await this.#fillMember(plan, place, writer, excluded);
      const endedAt = this.#means.clock();
      const member = await writer.endMember(endedAt);
      const { sizeBytes, sha256, storedBytes } = member;
      const times = { startedAt: startedAt.toISOString(), endedAt: endedAt.toISOString() };
      const entry: ManifestScope = {
        kind: plan.settings.kind,
        member: memberName,
        ...times,
        sizeBytes,
        sha256,
        ...made,
      };
      this.#warnings.push(...made.warnings.map((warning) => `${scope}: ${warning}`));
      const durationMs = Math.round(performance.now() - startedMs);
      const outcome: ScopeOutcome = { scope, startedAt, durationMs, status: "packed", sizeBytes, storedBytes, entry };
      this.#outcomes.push(outcome);
      this.#means.log.info(
        `scope ${scope}: packed ${sizeBytes} bytes, ${storedBytes} in the archive, sha256 ${sha256}`,
      );
      this.#means.onProgress({ step: "ended", outcome });
    } catch (error) {
      if (!writer.isBroken) await writer.dropMember().catch(() => undefined);
      await this.#fail(scope, startedAt, Math.round(performance.now() - startedMs), error);
    }
  }

  async #fillMember(
    plan: ScopePlan,
    place: Place,
    writer: ArchiveWriter,
    excluded: ExcludedTables,
  ): Promise<Pick<ManifestScope, "tool" | "warnings" | "database" | "files">> {
    const { home, archiveDirectory } = this.#request.settings;
    let bytes = 0;
    const onBytes = (more: number) => {
      bytes += more;
      this.#means.onProgress({ step: "packed", scope: plan.scope, bytes });
    };
    if (plan.settings.kind === "files") {
      const ownFiles = [
        ...(place.path === null ? [] : [place.path]),
        place.unfinished.path,
        join(place.directory, lockName),
      ];
      const made = await backUpFiles(
        { settings: plan.settings, home, archiveDirectory, ownFiles, onBytes },
        writer,
        this.#means,
      );
      for (const path of made.files.paths) this.#protectedPlaces.set(path, `the files below "${path}"`);
      return made;
    }
    const request = {
      scope: plan.scope,
      url: plan.settings.url,
      home,
      excluded,
      serversWithGlobals: this.#serversWithGlobals,
      onBytes,
    };
    const made = await backUpDatabase(request, writer, this.#means);
    const { globals, dataDirectory, ...entry } = made;
    if (globals !== null) {
      this.#globals.push({
        memberName: this.#globals.length === 0 ? "./globals.sql" : `./globals-${plan.scope}.sql`,
        sql: globals,
      });
    }
    if (dataDirectory !== null) this.#protectedPlaces.set(dataDirectory, `the database of scope ${plan.scope}`);
    return entry;
  }

  /** null: nothing succeeded, or the archive could not be made whole; what was packed has then failed. */
  async #completeArchive(place: Place, writer: ArchiveWriter): Promise<BackupResult["archive"]> {
    if (!this.#outcomes.some(({ status }) => status === "packed")) return null;
    try {
      if (writer.isBroken)
        throw new BackupAwarenessError("BACKUP_FAILED", "the archive could not be written to its end");
      this.#means.signal.throwIfAborted();
      await this.#addOwnMembers(writer);
      const sizeBytes = await writer.finish(this.#means.clock());
      const readBackWay = await this.#verify(place.unfinished.path, sizeBytes, writer);
      this.#means.signal.throwIfAborted();
      if (place.path === null) await this.#copyOut(place.unfinished.path);
      else await giveName(place.unfinished.path, place.path);
      this.#means.log.info(`archive ${place.path ?? "on standard output"}, ${sizeBytes} bytes`);
      return { path: place.path, sizeBytes, verifiedMembers: writer.members.length - 1, readBackWay };
    } catch (error) {
      const packed = this.#outcomes.splice(0);
      for (const outcome of packed) {
        if (outcome.status === "failed") this.#outcomes.push(outcome);
        else await this.#fail(outcome.scope, outcome.startedAt, outcome.durationMs, error);
      }
      return null;
    }
  }

  async #addOwnMembers(writer: ArchiveWriter): Promise<void> {
    const now = this.#means.clock();
    const packed = this.#outcomes.filter((outcome) => outcome.status === "packed");
    for (const { memberName, sql } of this.#globals) await writer.addMember(memberName, sql, now);
    await writer.addMember("./version", `${this.#means.programVersion}\n`, now);
    await writer.addMember("./os_version", `${this.#means.osVersion}\n`, now);
    await writer.addMember(
      "./config",
      archiveConfig(packed.map(({ scope, entry }) => ({ scope, kind: entry.kind }))),
      now,
    );
    const manifest = formatManifest({
      manifestVersion: 1,
      program: { name: "engine-backup", version: this.#means.programVersion },
      fqdn: this.#request.settings.fqdn,
      runId: this.#runId,
      startedAt: this.#startedAt.toISOString(),
      askedScopes: this.#scopeNames(),
      scopes: Object.fromEntries(packed.map(({ scope, entry }) => [scope, entry])),
      warnings: this.#warnings,
    });
    await writer.addMember("./manifest.json", manifest, now);
  }

  /** Reads the file anew and compares it with what this run wrote, and with the archive's own list. */
  async #verify(path: string, ofBytes: number, writer: ArchiveWriter): Promise<ReadBackWay> {
    let bytes = 0;
    const { members, way } = await readBackFile(path, this.#means.signal, (more) => {
      bytes += more;
      this.#means.onProgress({ step: "read back", bytes, ofBytes });
    });
    const written = writer.members.slice(0, -1).map(({ name, sha256 }) => `${sha256} ${name}`);
    const read = members.map(({ name, sha256 }) => `${sha256} ${name}`);
    if (written.join("\n") !== read.join("\n") || bytes !== ofBytes) {
      throw new BackupAwarenessError("BACKUP_FAILED", "the archive was read back and is not what was written");
    }
    this.#means.log.info(`read back (${way}): ${members.length} checksums verified`);
    return way;
  }

  async #copyOut(path: string): Promise<void> {
    const reading = await openForReadBack(path);
    try {
      await this.#means.writeToStandardOutput(reading.chunks);
    } finally {
      await reading.close();
    }
  }

  async #reportCompleted(archive: BackupResult["archive"]): Promise<void> {
    if (archive === null) return;
    for (const outcome of this.#outcomes) {
      if (outcome.status !== "packed") continue;
      const name = archive.path ?? "standard output";
      await this.#report(outcome.scope, "completed", this.#means.clock(), describeSuccess(outcome, archive), {
        durationMs: outcome.durationMs,
        sizeBytes: outcome.storedBytes,
        archive: name,
        ...(archive.path === null ? {} : { knownBy: "read_back" }),
      });
    }
  }

  async #failAll(error: unknown): Promise<void> {
    for (const scope of this.#scopeNames()) await this.#fail(scope, this.#means.clock(), 0, error);
  }

  async #fail(scope: Scope, startedAt: Date, durationMs: number, cause: unknown): Promise<void> {
    const error = asFailure(cause);
    const outcome: ScopeOutcome = { scope, startedAt, durationMs, status: "failed", error };
    this.#outcomes.push(outcome);
    this.#means.log.error(`scope ${scope}: failed: ${error.message}`);
    this.#means.onProgress({ step: "ended", outcome });
    await this.#report(scope, "failed", this.#means.clock(), describeFailure(error), { durationMs });
  }

  async #report(
    scope: Scope,
    status: ReportStatus,
    doneAt: Date,
    outputMessage: string,
    more: Pick<Report, "durationMs" | "sizeBytes" | "archive" | "knownBy"> = {},
  ): Promise<void> {
    const { settings, logPath } = this.#request;
    const tool = `engine-backup ${this.#means.programVersion}`;
    const report: Report = {
      scope,
      doneAt,
      status,
      outputMessage,
      fqdn: settings.fqdn,
      logPath,
      runId: this.#runId,
      tool,
      ...more,
    };
    try {
      await this.#means.report(report);
    } catch (error) {
      this.#means.log.error(
        `the report "${scope} ${status}" was not taken: ${error instanceof Error ? error.message : String(error)}`,
      );
      this.#lostReports.push({ report, error });
    }
  }

  async #findOnSameFileSystem(directory: string): Promise<string[]> {
    const device = await deviceOf(directory);
    const found: string[] = [];
    for (const [place, what] of this.#protectedPlaces) {
      if (device !== null && (await deviceOf(place)) === device) found.push(what);
    }
    return found;
  }
}

/** An error that nobody foresaw is a failed backup too, and says so in its own words. */
function asFailure(error: unknown): BackupAwarenessError {
  if (error instanceof BackupAwarenessError) return error;
  return new BackupAwarenessError("BACKUP_FAILED", error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

async function deviceOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).dev;
  } catch {
    return null;
  }
}

async function freeBytes(directory: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}
