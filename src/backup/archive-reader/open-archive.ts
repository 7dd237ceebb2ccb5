import { open, type FileHandle } from "node:fs/promises";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { readArchiveIndex, type ArchiveIndex, type IndexEntry } from "../archive-index.ts";
import { openForReadBack, type ReadBackWay } from "../direct-read.ts";
import { systemErrorText } from "../system-error.ts";
import { rawFrameHeader } from "../zstd-frame.ts";
import { tarBlockBytes } from "../tar-header.ts";
import { cutOff, foreign, incomplete } from "./archive-error.ts";
import { ByteReader } from "./byte-reader.ts";
import { detectCompression, longestSignatureBytes, type Compression } from "./compression.ts";
import { decompress, type DecompressionMeans } from "./decompress.ts";
import { decompressOwnFrames } from "./own-frames.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";

const chunkBytes = 1024 * 1024;
const ownHeader = rawFrameHeader(tarBlockBytes);

/** What can be said of an archive from its first and last bytes. */
export type Archive = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly compression: Compression;
  /** It begins as our own archives do; what oVirt's engine-backup writes does not. */
  readonly isOwn: boolean;
  /** Only our own have one. null: none, or it is cut off. */
  readonly index: ArchiveIndex | null;
};

export type ReadingMeans = DecompressionMeans & {
  /** Told of the file's bytes as they are read. */
  readonly onBytes?: (chunk: Buffer) => void;
  /** Told how they are read. */
  readonly onWay?: (way: ReadBackWay) => void;
};

/**
 * Opens an archive of ours or of oVirt's engine-backup. Throws ARCHIVE_UNREADABLE, ARCHIVE_FOREIGN where it is neither compressed nor a tar, ARCHIVE_TRUNCATED where it
 * is empty, and ARCHIVE_DAMAGED where its index is.
 */
export async function openArchive(path: string): Promise<Archive> {
  return withFile(path, async (file) => {
    const found = await file.stat();
    if (!found.isFile())
      throw new BackupAwarenessError("ARCHIVE_UNREADABLE", `"${path}" is no plain file`, {
        hint: "name the archive itself",
      });
    const sizeBytes = found.size;
    if (sizeBytes === 0) throw cutOff("the file is empty");
    const read = (position: number, bytes: number) => readAt(file, position, bytes);
    const beginning = await read(0, Math.min(tarBlockBytes, sizeBytes));
    const common = { path, sizeBytes, modifiedAt: found.mtime };
    // One of ours is known by its index as well: its first bytes may be those that have changed.
    const beginsAsOwn = ownHeader.equals(beginning.subarray(0, ownHeader.length));
    const index = await readArchiveIndex(sizeBytes, beginsAsOwn, read);
    if (beginsAsOwn || index !== null) return { ...common, compression: "zstd", isOwn: true, index };
    const compression = detectCompression(beginning.subarray(0, longestSignatureBytes));
    if (compression === "none" && !isTar(beginning)) throw foreign(`"${path}" is neither compressed nor a tar`);
    return { ...common, compression, isOwn: false, index };
  });
}

/** Every member in its order, decompressed as far as the archive as a whole is compressed; memory does not depend on sizes. Throws ARCHIVE_… */
export async function* readMembers(archive: Archive, means: ReadingMeans): AsyncGenerator<TarEntry> {
  const reading = await openForReadBack(archive.path).catch((error: unknown) => {
    throw unreadable(archive.path, error);
  });
  means.onWay?.(reading.way);
  const chunks = watched(reading.chunks, archive.path, means);
  const content = archive.isOwn ? decompressOwnFrames(chunks) : decompress(chunks, archive.compression, means);
  const reader = new ByteReader(content);
  try {
    if (!isTar(await reader.peek(tarBlockBytes))) {
      // Where it is damaged, what decompresses it may say so at its end.
      while ((await reader.some(Infinity)) !== null) continue;
      throw foreign("what is compressed in it is no tar");
    }
    yield* readTar(reader);
    // To the end of what is compressed: its own checksums come last. GNU tar fills up with zeros.
    for await (const piece of reader.remaining()) {
      if (piece.some((byte) => byte !== 0)) throw foreign("something follows the tar in it");
    }
  } finally {
    await reader.close();
    await reading.close();
  }
}

/** One member's content, found by the index where there is one, else by reading what lies before it. Throws ARCHIVE_INCOMPLETE where it is not there, and ARCHIVE_… */
export async function* readMember(archive: Archive, name: string, means: ReadingMeans): AsyncGenerator<Buffer> {
  const entry = archive.index?.members.find((each) => each.name === name);
  const entries = entry === undefined ? readMembers(archive, means) : readIndexed(archive, entry, means);
  for await (const each of entries) {
    if (memberName(each) !== name) continue;
    yield* each.content;
    return;
  }
  throw incomplete(`${name} is not in it`);
}

/** As our own archives write it: `./files`. Archives packed by hand may have it as `files`. */
export function memberName({ name }: Pick<TarEntry, "name">): string {
  return name.startsWith("./") ? name : `./${name}`;
}

async function* readIndexed(
  { path }: Archive,
  { offset, storedBytes }: IndexEntry,
  means: ReadingMeans,
): AsyncGenerator<TarEntry> {
  const file = await openFile(path);
  try {
    const reader = new ByteReader(decompressOwnFrames(readRange(file, path, offset, storedBytes, means)));
    yield* readTar(reader);
  } finally {
    await file.close();
  }
}

async function* readRange(
  file: FileHandle,
  path: string,
  offset: number,
  bytes: number,
  { signal, onBytes }: ReadingMeans,
): AsyncGenerator<Buffer> {
  for (let done = 0; done < bytes;) {
    signal.throwIfAborted();
    const chunk = await readAt(file, offset + done, Math.min(chunkBytes, bytes - done)).catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (chunk.length === 0) throw cutOff("it ends before its last member does");
    onBytes?.(chunk);
    yield chunk;
    done += chunk.length;
  }
}

async function* watched(
  chunks: AsyncIterable<Buffer>,
  path: string,
  { signal, onBytes }: ReadingMeans,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      onBytes?.(chunk);
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(path, error);
  }
}

/** By the magic of ustar, pax and GNU alike. */
function isTar(block: Buffer): boolean {
  return block.length === tarBlockBytes && block.toString("latin1", 257, 262) === "ustar";
}

async function readAt(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function withFile<Result>(path: string, work: (file: FileHandle) => Promise<Result>): Promise<Result> {
  const file = await openFile(path);
  try {
    return await work(file);
  } catch (error) {
    throw error instanceof BackupAwarenessError ? error : unreadable(path, error);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, error: unknown): BackupAwarenessError {
  return error instanceof BackupAwarenessError
    ? error
    : new BackupAwarenessError("ARCHIVE_UNREADABLE", `cannot read the archive "${path}": ${systemErrorText(error)}`, {
        cause: error,
      });
}
