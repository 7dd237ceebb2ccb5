import { crc32 } from "node:zlib";
import { BackupAwarenessError } from "../contract/errors.ts";
import { skippableFrame, skippableHeaderBytes } from "./zstd-frame.ts";

/*
 * The last frame of an archive, which decompressors pass over: where each member begins, so that one can be read without
 * those before it, and the checksums of the bytes as they are stored. JSON, then the JSON's CRC-32 and its length (4 bytes each, lowest first) and a mark.
 */

const mark = "BAIX";
const indexTrailerBytes = 12;
/** Ours take a few hundred bytes for each member. */
const largestIndexBytes = 1024 * 1024;

export type IndexEntry = {
  readonly name: string;
  /** Where the frame of the member's header begins in the compressed file. */
  readonly offset: number;
  /** How many bytes of the compressed file it takes, its header included. */
  readonly storedBytes: number;
  /** How many bytes it has when extracted. */
  readonly sizeBytes: number;
  /** CRC-32 of the header's frame, and of all frames after it, as they are stored. */
  readonly headerCrc32: number;
  readonly dataCrc32: number;
};

export type ArchiveIndex = {
  readonly members: readonly IndexEntry[];
  /** Where the index's own frame begins. */
  readonly offset: number;
};

/** The frame that ends an archive. */
export function encodeArchiveIndex(entries: readonly IndexEntry[]): Buffer {
  const json = Buffer.from(JSON.stringify({ members: entries }), "utf8");
  const trailer = Buffer.alloc(indexTrailerBytes);
  trailer.writeUInt32LE(crc32(json), 0);
  trailer.writeUInt32LE(json.length, 4);
  trailer.write(mark, 8, "latin1");
  return skippableFrame(Buffer.concat([json, trailer]));
}

/**
 * The index of a file of `sizeBytes`; null: it does not end with one. Where one `isExpected`, what is left of it is looked for. `read` gives so many bytes of the file from a position on. Throws ARCHIVE_DAMAGED where there is one that is
 * not what was written.
 */
export async function readArchiveIndex(
  sizeBytes: number,
  isExpected: boolean,
  read: (position: number, bytes: number) => Promise<Buffer>,
): Promise<ArchiveIndex | null> {
  if (sizeBytes < indexTrailerBytes + skippableHeaderBytes) return null;
  const trailer = await read(sizeBytes - indexTrailerBytes, indexTrailerBytes);
  if (trailer.toString("latin1", 8) !== mark) {
    if (isExpected && (await endsWithSkippableFrame(sizeBytes, read))) throw damaged();
    return null;
  }
  const jsonBytes = trailer.readUInt32LE(4);
  const offset = sizeBytes - indexTrailerBytes - jsonBytes - skippableHeaderBytes;
  if (jsonBytes > largestIndexBytes || offset < 0) throw damaged();
  const frame = await read(offset, sizeBytes - offset);
  const content = frame.subarray(skippableHeaderBytes);
  const json = content.subarray(0, jsonBytes);
  if (crc32(json) !== trailer.readUInt32LE(0) || !skippableFrame(content).equals(frame)) throw damaged();
  return { members: parseEntries(json.toString("utf8"), offset), offset };
}

/** An index of which only the mark has changed is still where it was: the file is damaged then, and not cut off. */
async function endsWithSkippableFrame(
  sizeBytes: number,
  read: (position: number, bytes: number) => Promise<Buffer>,
): Promise<boolean> {
  const length = Math.min(sizeBytes, largestIndexBytes);
  const end = await read(sizeBytes - length, length);
  const magic = skippableFrame(Buffer.alloc(0)).subarray(0, 4);
  for (let at = end.indexOf(magic); at !== -1 && at + skippableHeaderBytes <= length; at = end.indexOf(magic, at + 1)) {
    if (at + skippableHeaderBytes + end.readUInt32LE(at + 4) === length) return true;
  }
  return false;
}

/** Members lie one after the other, from the file's first byte on. */
function parseEntries(json: string, end: number): IndexEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw damaged();
  }
  const members = (parsed as { readonly members?: unknown } | null)?.members;
  if (!Array.isArray(members)) throw damaged();
  let next = 0;
  return members.map((member: unknown) => {
    if (typeof member !== "object" || member === null) throw damaged();
    const { name, offset, storedBytes, sizeBytes, headerCrc32, dataCrc32 } = member as Record<string, unknown>;
    if (
      typeof name !== "string" ||
      offset !== next ||
      !isCount(storedBytes) ||
      !isCount(sizeBytes) ||
      !isCount(headerCrc32) ||
      !isCount(dataCrc32) ||
      next + storedBytes > end
    ) {
      throw damaged();
    }
    const entry = { name, offset: next, storedBytes, sizeBytes, headerCrc32, dataCrc32 };
    next += storedBytes;
    return entry;
  });
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function damaged(): BackupAwarenessError {
  return new BackupAwarenessError("ARCHIVE_DAMAGED", "the archive is damaged: its index is not what was written", {
    hint: "look at the disk and at the kernel's log; take another copy of it, or another archive",
  });
}
