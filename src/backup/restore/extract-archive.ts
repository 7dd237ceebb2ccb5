import { open, statfs } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { Scope } from "../../contract/scope.ts";
import { damaged, incomplete } from "../archive-reader/archive-error.ts";
import { describe, isSmallMember, type ArchiveDescription } from "../archive-reader/describe-archive.ts";
import { openDump } from "../archive-reader/inner-content.ts";
import { memberName, openArchive, readMembers, type Archive } from "../archive-reader/open-archive.ts";
import { readSmallMember } from "../archive-reader/small-member.ts";
import type { TarEntry } from "../archive-reader/tar-reader.ts";
import { humanSize } from "../../contract/human-size.ts";
import { scopeOfMember } from "../plan.ts";
import { systemErrorText } from "../system-error.ts";
import { findProblems } from "../verify/find-problems.ts";
import type { VerifiedMember } from "../verify/verification.ts";
import { WatchedContent } from "../verify/watched-content.ts";
import { scanFiles, type FilesScan } from "./scan-files.ts";

export type ExtractedDump = { readonly path: string; readonly format: "custom" | "plain"; readonly sizeBytes: number };

/** An archive that has been read to its end and is whole. */
export type ExtractedArchive = {
  readonly archive: Archive;
  readonly description: ArchiveDescription;
  readonly dumps: ReadonlyMap<Scope, ExtractedDump>;
  /** null: the scope files was not asked for, or is not in it. */
  readonly files: FilesScan | null;
  /** Of each server's roles: the text of `globals.sql`, and of `globals-SCOPE.sql`. */
  readonly globals: ReadonlyMap<string, string>;
};

export type ExtractionRequest = {
  readonly path: string;
  /** Empty, or with "all": all that is in it. */
  readonly scopes: readonly Scope[];
  /** Where dumps are written. */
  readonly directory: string;
};

export type ExtractionMeans = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly bytes: number; readonly ofBytes: number }) => void;
};

/**
 * Reads an archive, ours or oVirt's, to its end: every checksum is computed and compared, dumps are written out decompressed (pg_restore works side by side from a file only), and the
 * files' tar is walked. Throws ARCHIVE_… where it is not whole, and RESTORE_FAILED where there is no room.
 */
export async function extractArchive(request: ExtractionRequest, means: ExtractionMeans): Promise<ExtractedArchive> {
  const archive = await openArchive(request.path);
  if (archive.isOwn && archive.index === null) throw incomplete("its index is missing, so that it is cut off");
  await demandSpace(archive, request);
  const run = new Extraction(archive, request, means);
  return run.perform();
}

/** What an index names can be known to fit before anything is written. */
async function demandSpace({ index }: Archive, request: ExtractionRequest): Promise<void> {
  const dumps = (index?.members ?? []).filter(({ name }) => {
    const scope = scopeOfMember(name);
    return scope !== null && scope !== "files" && isAsked(scope, request.scopes);
  });
  const neededBytes = dumps.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { bavail, bsize } = await statfs(request.directory);
  if (neededBytes <= bavail * bsize) return;
  throw new BackupAwarenessError(
    "RESTORE_REFUSED",
    `the dumps need ${humanSize(neededBytes)} in "${request.directory}", which has ${humanSize(bavail * bsize)} left`,
    { hint: "name a roomier place with --tmpdir=DIRECTORY" },
  );
}

function isAsked(scope: Scope, asked: readonly Scope[]): boolean {
  return asked.length === 0 || asked.includes("all") || asked.includes(scope);
}

class Extraction {
  readonly #archive: Archive;
  readonly #request: ExtractionRequest;
  readonly #means: ExtractionMeans;
  readonly #members: VerifiedMember[] = [];
  readonly #texts = new Map<string, string>();
  readonly #globals = new Map<string, string>();
  readonly #dumps = new Map<Scope, ExtractedDump>();
  #files: FilesScan | null = null;

  constructor(archive: Archive, request: ExtractionRequest, means: ExtractionMeans) {
    this.#archive = archive;
    this.#request = request;
    this.#means = means;
  }

  async perform(): Promise<ExtractedArchive> {
    let bytes = 0;
    const { env, signal, onProgress } = this.#means;
    const onBytes = (chunk: Buffer) => {
      bytes += chunk.length;
      onProgress({ bytes, ofBytes: this.#archive.sizeBytes });
    };
    for await (const entry of readMembers(this.#archive, { env, signal, onBytes })) await this.#take(entry);
    const described = this.#members.map(({ name, sizeBytes, scope }) => ({ name, sizeBytes, scope }));
    const description = describe(described, this.#texts);
    // What was asked for when it was made and is not in it is told by the plan; what is in it is good.
    const there = [...this.#dumps.keys(), ...(this.#files === null ? [] : ["files"])];
    const asked = this.#request.scopes.filter((scope) => scope !== "all");
    const demanded = asked.length > 0 ? asked : there;
    const [problem] = findProblems(this.#members, description, this.#archive.index, demanded);
    if (problem !== undefined) throw problem;
    if (there.length === 0) throw incomplete("it holds no scope that could be restored");
    return { archive: this.#archive, description, dumps: this.#dumps, files: this.#files, globals: this.#globals };
  }

  async #take(entry: TarEntry): Promise<void> {
    const name = memberName(entry);
    if (entry.kind === "directory") return;
    if (entry.kind !== "file") throw damaged(`${name} is a ${entry.kind}, and not a file`);
    const scope = scopeOfMember(name);
    const watched = new WatchedContent(entry.content, !this.#archive.isOwn);
    if (scope === "files" && isAsked(scope, this.#request.scopes))
      this.#files = await scanFiles(watched.pieces(), this.#means);
    else if (scope !== null && scope !== "files" && isAsked(scope, this.#request.scopes))
      this.#dumps.set(scope, await this.#extractDump(scope, watched));
    else if (/^\.\/globals(-[a-z0-9_-]+)?\.sql$/.test(name))
      this.#globals.set(name, await readSmallMember(name, watched.pieces()));
    else if (isSmallMember(name)) this.#texts.set(name, await readSmallMember(name, watched.pieces()));
    else await watched.readAll();
    this.#members.push({
      name,
      sizeBytes: entry.sizeBytes,
      ...watched.digests(),
      scope,
      dump: null,
      files: null,
    });
  }

  async #extractDump(scope: Scope, watched: WatchedContent): Promise<ExtractedDump> {
    const path = join(this.#request.directory, `${scope}.dump`);
    const { chunks, format } = await openDump(watched.pieces(), this.#means);
    const file = await open(path, "wx", 0o600);
    let sizeBytes = 0;
    try {
      for await (const chunk of chunks) {
        await writeWhole(file, chunk, this.#request.directory);
        sizeBytes += chunk.length;
      }
    } finally {
      await file.close();
    }
    return { path, format, sizeBytes };
  }
}

async function writeWhole(
  file: { write(buffer: Buffer, offset: number): Promise<{ bytesWritten: number }> },
  chunk: Buffer,
  directory: string,
): Promise<void> {
  try {
    for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
  } catch (error) {
    throw new BackupAwarenessError("RESTORE_FAILED", `cannot write into "${directory}": ${systemErrorText(error)}`, {
      hint: "name a roomier place with --tmpdir=DIRECTORY",
      cause: error,
    });
  }
}
