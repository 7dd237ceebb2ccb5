import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { BackupAwarenessError } from "../contract/errors.ts";
import { encodeArchiveIndex, type IndexEntry } from "./archive-index.ts";
import { FrameCodec } from "./frame-codec.ts";
import { formatChecksumList } from "./checksum-list.ts";
import { systemErrorText } from "./system-error.ts";
import { encodeTarHeader, tarBlockBytes, tarPaddingBytes } from "./tar-header.ts";
import { rawFrame, rawFrameHeader } from "./zstd-frame.ts";

/** How much goes into one frame of its own: frames are compressed side by side, and later decompressed so. */
export const frameContentBytes = 1024 * 1024;
/** Frames at work at once. Two cores are kept busy; more would only hold memory. */
const framesInFlight = 3;
const archiveEndBytes = 2 * tarBlockBytes;

/** Every member's header has a frame of this size. */
export const headerFrameBytes = rawFrameHeader(tarBlockBytes).length + tarBlockBytes;

/** What follows the last member: the zeros that end a tar. */
export function archiveEndFrame(): Buffer {
  return rawFrame(Buffer.alloc(archiveEndBytes));
}

export const checksumMember = "./sha256sum";

export type WrittenMember = IndexEntry & { readonly sha256: string };

type OpenMember = {
  readonly name: string;
  readonly offset: number;
  readonly hash: Hash;
  sizeBytes: number;
  dataCrc32: number;
};

/**
 * Writes a .tar.zst in a single pass into an open, empty file. A member's header precedes its data and must hold its
 * size: it stands in a frame of fixed size, which is written first as a placeholder and patched at the member's end.
 *
 * One member at a time: begin, write…, then end or drop. Whatever the file refuses is BACKUP_FAILED, and `isBroken` from then on.
 */
export class ArchiveWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  #offset = 0;
  #broken = false;
  #member: OpenMember | null = null;
  readonly #members: WrittenMember[] = [];
  /** What waits to become a frame: the first `#filled` bytes. */
  #frame: Buffer = Buffer.allocUnsafeSlow(frameContentBytes);
  #filled = 0;
  readonly #spareFrames: Buffer[] = [];
  /** Those that are not at work. */
  readonly #compressors: FrameCodec[] = [];
  /** One promise for each frame at work, oldest first: each is done when that frame is in the file. */
  readonly #inFlight: Promise<void>[] = [];

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  get members(): readonly WrittenMember[] {
    return this.#members;
  }

  /** The file itself failed: nothing more can be written, whatever the source. */
  get isBroken(): boolean {
    return this.#broken;
  }

  async beginMember(name: string): Promise<void> {
    if (this.#member !== null) throw new Error(`member ${this.#member.name} is still open`);
    this.#member = { name, offset: this.#offset, hash: createHash("sha256"), sizeBytes: 0, dataCrc32: 0 };
    await this.#append(rawFrame(encodeTarHeader({ name, sizeBytes: 0, modifiedAt: new Date(0) })));
  }

  async write(data: Buffer): Promise<void> {
    const member = this.#openMember();
    member.hash.update(data);
    member.sizeBytes += data.length;
    await this.#fill(data);
  }

  async endMember(modifiedAt: Date): Promise<WrittenMember> {
    const open = this.#openMember();
    const { name, offset, sizeBytes } = open;
    await this.#fill(Buffer.alloc(tarPaddingBytes(sizeBytes)));
    await this.#flush();
    const header = rawFrame(encodeTarHeader({ name, sizeBytes, modifiedAt }));
    await this.#writeAt(header, offset);
    const member = {
      name,
      offset,
      storedBytes: this.#offset - offset,
      sizeBytes,
      headerCrc32: crc32(header),
      dataCrc32: open.dataCrc32,
      sha256: open.hash.digest("hex"),
    };
    this.#members.push(member);
    this.#member = null;
    return member;
  }

  /** Takes back the member that is open, as if it had never begun. */
  async dropMember(): Promise<void> {
    const { offset } = this.#openMember();
    await Promise.allSettled(this.#inFlight.splice(0));
    this.#filled = 0;
    this.#member = null;
    await this.#guard(() => this.#file.truncate(offset));
    this.#offset = offset;
  }

  async addMember(name: string, content: string, modifiedAt: Date): Promise<WrittenMember> {
    await this.beginMember(name);
    await this.write(Buffer.from(content, "utf8"));
    return this.endMember(modifiedAt);
  }

  /** Adds the checksums of all members, the archive's end and the index, and waits until the device has it all. Returns the archive's size. */
  async finish(modifiedAt: Date): Promise<number> {
    await this.addMember(checksumMember, formatChecksumList(this.#members), modifiedAt);
    await this.#append(archiveEndFrame());
    await this.#append(encodeArchiveIndex(this.#members.map(toIndexEntry)));
    await this.#guard(() => this.#file.sync());
    this.close();
    return this.#offset;
  }

  /** Frees what compresses, and its memory. Nothing can be written afterwards. Calling twice is safe. */
  close(): void {
    for (const compressor of this.#compressors.splice(0)) compressor.close();
    this.#spareFrames.length = 0;
    this.#frame = Buffer.alloc(0);
  }

  #openMember(): OpenMember {
    if (this.#member === null) throw new Error("no member is open");
    return this.#member;
  }

  async #fill(data: Buffer): Promise<void> {
    for (let taken = 0; taken < data.length;) {
      const copied = data.copy(this.#frame, this.#filled, taken);
      taken += copied;
      this.#filled += copied;
      if (this.#filled === frameContentBytes) await this.#sendFrame();
    }
  }

  async #sendFrame(): Promise<void> {
    const member = this.#openMember();
    const content = this.#frame;
    const compressor = this.#compressors.pop() ?? FrameCodec.compressor();
    const compressed = compressor.work(content.subarray(0, this.#filled));
    const before = this.#inFlight.at(-1) ?? Promise.resolve();
    const written = Promise.all([compressed, before]).then(async ([pieces]) => {
      this.#spareFrames.push(content);
      this.#compressors.push(compressor);
      for (const piece of pieces) {
        member.dataCrc32 = crc32(piece, member.dataCrc32);
        await this.#append(piece);
      }
      FrameCodec.release(pieces);
    });
    // Whoever awaits it next is told; until then it is no unhandled rejection.
    written.catch(() => undefined);
    this.#inFlight.push(written);
    this.#frame = this.#spareFrames.pop() ?? Buffer.allocUnsafeSlow(frameContentBytes);
    this.#filled = 0;
    while (this.#inFlight.length >= framesInFlight) await this.#inFlight.shift();
  }

  async #flush(): Promise<void> {
    if (this.#filled > 0) await this.#sendFrame();
    while (this.#inFlight.length > 0) await this.#inFlight.shift();
  }

  async #append(bytes: Buffer): Promise<void> {
    const at = this.#offset;
    this.#offset += bytes.length;
    await this.#writeAt(bytes, at);
  }

  async #writeAt(bytes: Buffer, position: number): Promise<void> {
    await this.#guard(async () => {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
    });
  }

  async #guard<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.#broken = true;
      throw new BackupAwarenessError(
        "BACKUP_FAILED",
        `cannot write the archive "${this.#path}": ${systemErrorText(error)}`,
        {
          hint: "make room or name another place with --file=FILE or archive.directory in config.toml",
          cause: error,
        },
      );
    }
  }
}

function toIndexEntry({ name, offset, storedBytes, sizeBytes, headerCrc32, dataCrc32 }: WrittenMember): IndexEntry {
  return { name, offset, storedBytes, sizeBytes, headerCrc32, dataCrc32 };
}
