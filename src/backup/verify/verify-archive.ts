import { BackupAwarenessError } from "../../contract/errors.ts";
import type { Scope } from "../../contract/scope.ts";
import { cutOff, damaged } from "../archive-reader/archive-error.ts";
import { describe, isSmallMember } from "../archive-reader/describe-archive.ts";
import {
  memberName,
  openArchive,
  readMembers,
  type Archive,
  type ReadingMeans,
} from "../archive-reader/open-archive.ts";
import { readSmallMember } from "../archive-reader/small-member.ts";
import type { TarEntry } from "../archive-reader/tar-reader.ts";
import type { ReadBackWay } from "../direct-read.ts";
import { scopeOfMember } from "../plan.ts";
import { findProblems } from "./find-problems.ts";
import { findNewestPgRestore, readDump, type PgRestore, type ReadDump } from "./read-dump.ts";
import { readFiles, type ReadFiles } from "./read-files.ts";
import { StoredBytesCheck } from "./stored-bytes-check.ts";
import type { Verification, VerifiedMember } from "./verification.ts";
import { WatchedContent } from "./watched-content.ts";

export type VerifyRequest = {
  readonly path: string;
  /** What must be in it; empty or with "all": what was asked for when it was made. */
  readonly scopes: readonly Scope[];
};

export type VerifyMeans = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly bytes: number; readonly ofBytes: number }) => void;
};

/**
 * Reads a whole archive: decompresses it, computes every checksum, walks the files' tar to its end, lets pg_restore read every custom dump into nowhere, and compares all that with what the
 * archive says of itself. Nothing in it is executed or extracted. What is wrong with it is in the result; throws what keeps it from being read: ARCHIVE_UNREADABLE,
 * POSTGRES_MISSING, the signal's reason.
 */
export async function verifyArchive(request: VerifyRequest, means: VerifyMeans): Promise<Verification | Unopened> {
  const startedMs = performance.now();
  let archive: Archive;
  try {
    archive = await openArchive(request.path);
  } catch (error) {
    return { archive: null, path: request.path, problems: [asProblem(error)] };
  }
  const run = new VerifyRun(archive, means);
  const result = await run.perform(request.scopes);
  return { ...result, durationMs: Math.round(performance.now() - startedMs) };
}

/** A file that is no archive at its first or its last bytes already. */
export type Unopened = {
  readonly archive: null;
  readonly path: string;
  readonly problems: readonly BackupAwarenessError[];
};

class VerifyRun {
  readonly #archive: Archive;
  readonly #means: VerifyMeans;
  readonly #members: VerifiedMember[] = [];
  readonly #texts = new Map<string, string>();
  readonly #problems: BackupAwarenessError[] = [];
  #way: ReadBackWay = "page cache";
  #pgRestore: Promise<PgRestore> | null = null;

  constructor(archive: Archive, means: VerifyMeans) {
    this.#archive = archive;
    this.#means = means;
  }

  async perform(scopes: readonly Scope[]): Promise<Omit<Verification, "durationMs">> {
    const result = { archive: this.#archive, members: this.#members, problems: this.#problems };
    try {
      for await (const entry of readMembers(this.#archive, this.#readingMeans())) await this.#readMember(entry);
      if (this.#archive.isOwn && this.#archive.index === null) throw cutOff("its index is missing");
    } catch (error) {
      this.#problems.push(this.#explain(asProblem(error)));
      return { ...result, way: this.#way, description: null };
    }
    try {
      const described = this.#members.map(({ name, sizeBytes, scope }) => ({ name, sizeBytes, scope }));
      const description = describe(described, this.#texts);
      this.#problems.push(...findProblems(this.#members, description, this.#archive.index, scopes));
      return { ...result, way: this.#way, description };
    } catch (error) {
      this.#problems.push(asProblem(error));
      return { ...result, way: this.#way, description: null };
    }
  }

  #readingMeans(): ReadingMeans {
    const { env, signal, onProgress } = this.#means;
    const { index, sizeBytes: ofBytes } = this.#archive;
    const check = index === null ? null : new StoredBytesCheck(index);
    let bytes = 0;
    return {
      env,
      signal,
      onBytes: (chunk) => {
        check?.take(chunk);
        bytes += chunk.length;
        onProgress({ bytes, ofBytes });
      },
      onWay: (way) => {
        this.#way = way;
      },
    };
  }

  async #readMember(entry: TarEntry): Promise<void> {
    const name = memberName(entry);
    if (entry.kind === "directory") return;
    if (entry.kind !== "file") {
      this.#problems.push(damaged(`${name} is a ${entry.kind}, and not a file`));
      return;
    }
    const { sizeBytes } = entry;
    const scope = scopeOfMember(name);
    const watched = new WatchedContent(entry.content, !this.#archive.isOwn);
    let dump: ReadDump | null = null;
    let files: ReadFiles | null = null;
    try {
      if (scope === "files") files = await readFiles(watched.pieces(), this.#means);
      else if (scope !== null) dump = await readDump(name, watched.pieces(), () => this.#findPgRestore(), this.#means);
      else if (isSmallMember(name)) this.#texts.set(name, await readSmallMember(name, watched.pieces()));
      else await watched.readAll();
    } catch (error) {
      // What fails while the archive itself cannot be read on fails because of that.
      if (watched.failure !== null) throw watched.failure.reason;
      this.#problems.push(asProblem(error));
    }
    this.#members.push({ name, sizeBytes, ...watched.digests(), scope, dump, files });
  }

  #findPgRestore(): Promise<PgRestore> {
    return (this.#pgRestore ??= findNewestPgRestore(this.#means.env["PATH"]));
  }

  /** An archive with its index at its end is not cut off: where it seems so, something in it has changed. */
  #explain(problem: BackupAwarenessError): BackupAwarenessError {
    return problem.code === "ARCHIVE_TRUNCATED" && this.#archive.index !== null
      ? damaged(problem.message.replace(/^the archive is cut off: /, ""))
      : problem;
  }
}

const problemCodes: readonly string[] = [
  "ARCHIVE_TRUNCATED",
  "ARCHIVE_DAMAGED",
  "ARCHIVE_INCOMPLETE",
  "ARCHIVE_FOREIGN",
];

/** What is wrong with the archive itself. Throws everything else. */
function asProblem(error: unknown): BackupAwarenessError {
  if (error instanceof BackupAwarenessError && problemCodes.includes(error.code)) return error;
  throw error;
}
