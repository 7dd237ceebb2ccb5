import { createHash, type Hash } from "node:crypto";
import { BackupAwarenessError } from "../contract/errors.ts";
import { checksumMember, frameContentBytes } from "./archive-writer.ts";
import { parseChecksumList, type MemberChecksum } from "./checksum-list.ts";
import { FrameCodec } from "./frame-codec.ts";
import { decodeTarHeader, tarBlockBytes, tarPaddingBytes } from "./tar-header.ts";
import { measureFrame } from "./zstd-frame.ts";

const framesInFlight = 3;
/** The index is the one frame that may be larger than a frame of content, and it is small. */
const largestFrameBytes = 2 * frameContentBytes;
const largestChecksumListBytes = 1024 * 1024;

export type ReadMember = MemberChecksum & { readonly sizeBytes: number };

/**
 * Reads a whole archive, decompresses it, computes each member's checksum anew and compares it with the archive's own list.
 * Returns the members in their order, the list itself excepted. Throws BACKUP_FAILED where anything is missing, cut off or different.
 */
export async function readBack(
  chunks: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<ReadMember[]> {
  const reader = new MemberReader();
  for await (const pieces of decompressFrames(chunks, onBytes)) {
    for (const piece of pieces) reader.take(piece);
  }
  const { members, list } = reader.end();
  compareChecksums(members, list);
  return members;
}

/** The contents of the frames, in order and in pieces; some are decompressed ahead. */
async function* decompressFrames(
  chunks: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<readonly Buffer[]> {
  const codecs = Array.from({ length: framesInFlight }, () => FrameCodec.decompressor());
  const inFlight: Promise<readonly Buffer[]>[] = [];
  try {
    let turn = 0;
    for await (const frame of splitFrames(chunks, onBytes)) {
      const codec = codecs[turn++ % framesInFlight] ?? FrameCodec.decompressor();
      const content = decompressFrame(codec, frame);
      content.catch(() => {
        // Told when it is awaited.
      });
      inFlight.push(content);
      const first = inFlight.length < framesInFlight ? undefined : inFlight.shift();
      if (first !== undefined) yield await first;
    }
    for (const content of inFlight) yield await content;
  } finally {
    await Promise.allSettled(inFlight);
    for (const codec of codecs) codec.close();
  }
}

type Frame = { readonly bytes: Buffer; readonly contentBytes: number | null };

async function* splitFrames(chunks: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<Frame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    // A copy: the chunk's memory is read into again while frames are still being decompressed.
    const bytes = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let extent = measureFrame(bytes, start); extent !== null; extent = measureFrame(bytes, start)) {
      const end = start + extent.frameBytes;
      if ((extent.contentBytes ?? 0) > frameContentBytes)
        throw damaged("a frame is larger than engine-backup makes them");
      if (!extent.isSkippable) yield { bytes: bytes.subarray(start, end), contentBytes: extent.contentBytes };
      start = end;
    }
    rest = bytes.subarray(start);
    if (rest.length > largestFrameBytes) throw damaged("a frame does not end");
  }
  if (rest.length > 0) throw damaged("it ends in the middle of a frame");
}

async function decompressFrame(codec: FrameCodec, { bytes, contentBytes }: Frame): Promise<readonly Buffer[]> {
  let pieces: readonly Buffer[];
  try {
    pieces = await codec.work(bytes);
  } catch (error) {
    throw damaged(`a frame cannot be decompressed (${error instanceof Error ? error.message : String(error)})`);
  }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length > frameContentBytes) throw damaged("a frame is larger than engine-backup makes them");
  if (contentBytes !== null && length !== contentBytes) throw damaged("a frame holds less than it says");
  return pieces;
}

type CurrentMember = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly hash: Hash;
  missingBytes: number;
  missingPadding: number;
};

/** Takes a tar's bytes in pieces of any size and computes each member's checksum. */
class MemberReader {
  readonly #members: ReadMember[] = [];
  readonly #header = Buffer.alloc(tarBlockBytes);
  #headerFilled = 0;
  #current: CurrentMember | null = null;
  #list: Buffer[] | null = null;
  #endBlocks = 0;

  take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;)
      at += this.#current === null ? this.#takeHeader(bytes, at) : this.#takeData(bytes, at, this.#current);
  }

  end(): { readonly members: ReadMember[]; readonly list: MemberChecksum[] } {
    if (this.#endBlocks < 2 || this.#headerFilled > 0) throw damaged("it ends before its last member does");
    if (this.#list === null) throw damaged(`it has no ${checksumMember}`);
    return { members: this.#members, list: parseChecksumList(Buffer.concat(this.#list).toString("utf8")) };
  }

  #takeHeader(bytes: Buffer, at: number): number {
    const taken = bytes.copy(this.#header, this.#headerFilled, at);
    this.#headerFilled += taken;
    if (this.#headerFilled < tarBlockBytes) return taken;
    this.#headerFilled = 0;
    const member = decodeTarHeader(this.#header);
    if (member === null) {
      this.#endBlocks++;
      return taken;
    }
    if (this.#endBlocks > 0) throw damaged("something follows its end");
    if (member.name === checksumMember) {
      if (member.sizeBytes > largestChecksumListBytes) throw damaged(`its ${checksumMember} is too large`);
      this.#list = [];
    }
    const { name, sizeBytes } = member;
    this.#current = {
      name,
      sizeBytes,
      hash: createHash("sha256"),
      missingBytes: sizeBytes,
      missingPadding: tarPaddingBytes(sizeBytes),
    };
    this.#finishMember(this.#current);
    return taken;
  }

  #takeData(bytes: Buffer, at: number, member: CurrentMember): number {
    const isData = member.missingBytes > 0;
    const taken = Math.min(isData ? member.missingBytes : member.missingPadding, bytes.length - at);
    const piece = bytes.subarray(at, at + taken);
    if (isData) {
      member.missingBytes -= taken;
      member.hash.update(piece);
      if (member.name === checksumMember) this.#list?.push(Buffer.from(piece));
    } else {
      member.missingPadding -= taken;
    }
    this.#finishMember(member);
    return taken;
  }

  #finishMember({ name, sizeBytes, hash, missingBytes, missingPadding }: CurrentMember): void {
    if (missingBytes > 0 || missingPadding > 0) return;
    if (name !== checksumMember) this.#members.push({ name, sizeBytes, sha256: hash.digest("hex") });
    this.#current = null;
  }
}

function compareChecksums(members: readonly MemberChecksum[], list: readonly MemberChecksum[]): void {
  const listed = new Map(list.map(({ name, sha256 }) => [name, sha256]));
  for (const { name, sha256 } of members) {
    const expected = listed.get(name);
    if (expected === undefined) throw damaged(`its list of checksums does not name ${name}`);
    if (expected !== sha256) throw damaged(`${name} has not the checksum that was written (${expected}) but ${sha256}`);
    listed.delete(name);
  }
  for (const name of listed.keys()) throw damaged(`${name} is missing`);
}

function damaged(what: string): BackupAwarenessError {
  return new BackupAwarenessError("BACKUP_FAILED", `the archive was read back and is damaged: ${what}`, {
    hint: "look at the disk and at the kernel's log; then run engine-backup again",
  });
}
