import { BackupAwarenessError } from "../contract/errors.ts";

/*
 * Zstandard's outer shape (RFC 8878): a file is a sequence of frames, each of which can be decompressed on its own. Node's own
 * decompressor stops after the first and passes over a truncated one, so whoever reads must know where frames end.
 */

export const frameMagic = 0xfd2fb528;
const firstSkippableMagic = 0x184d2a50;
const lastSkippableMagic = 0x184d2a5f;
const blockHeaderBytes = 3;

/** Content as it is in a frame of its own, whose size depends on nothing but the content's: it can be patched in place. 256 to 65,791 bytes. */
export function rawFrame(content: Buffer): Buffer {
  return Buffer.concat([rawFrameHeader(content.length), content]);
}

/** What stands before the content in a raw frame. */
export function rawFrameHeader(contentBytes: number): Buffer {
  if (contentBytes < 256 || contentBytes > 65_791) throw new RangeError(`a raw frame of ${contentBytes} bytes`);
  const header = Buffer.alloc(10);
  header.writeUInt32LE(frameMagic, 0);
  // One segment, content size in two bytes (which count from 256), no checksum.
  header.writeUInt8(0b0110_0000, 4);
  header.writeUInt16LE(contentBytes - 256, 5);
  // The last block, raw.
  header.writeUIntLE((contentBytes << 3) | 1, 7, blockHeaderBytes);
  return header;
}

/** How far a skippable frame's content lies behind its start. */
export const skippableHeaderBytes = 8;

/** Bytes that every decompressor passes over. */
export function skippableFrame(content: Buffer): Buffer {
  const frame = Buffer.alloc(skippableHeaderBytes + content.length);
  frame.writeUInt32LE(firstSkippableMagic, 0);
  frame.writeUInt32LE(content.length, 4);
  content.copy(frame, skippableHeaderBytes);
  return frame;
}

export type FrameExtent = {
  /** From the magic to the last byte. */
  readonly frameBytes: number;
  /** What it becomes when decompressed; null: it does not say. */
  readonly contentBytes: number | null;
  readonly isSkippable: boolean;
};

/** Where the frame that begins at `start` ends; null: it reaches beyond `bytes`. Throws ARCHIVE_DAMAGED where no frame begins. */
export function measureFrame(bytes: Buffer, start: number): FrameExtent | null {
  if (bytes.length < start + 8) return null;
  const magic = bytes.readUInt32LE(start);
  if (isSkippableMagic(magic)) {
    const frameBytes = skippableHeaderBytes + bytes.readUInt32LE(start + 4);
    return start + frameBytes > bytes.length ? null : { frameBytes, contentBytes: 0, isSkippable: true };
  }
  if (magic !== frameMagic) throw damaged("what should begin a Zstandard frame does not");

  const descriptor = bytes.readUInt8(start + 4);
  let at = start + zstdHeaderBytes(descriptor);
  for (let isLast = false; !isLast;) {
    if (at + blockHeaderBytes > bytes.length) return null;
    const block = blockBytes(bytes.readUIntLE(at, blockHeaderBytes));
    isLast = block.isLast;
    at += blockHeaderBytes + block.bytes;
  }
  if ((descriptor & 0b100) !== 0) at += 4;
  if (at > bytes.length) return null;
  const sizeBytes = contentSizeBytes(descriptor);
  const sizeAt = start + zstdHeaderBytes(descriptor) - sizeBytes;
  return { frameBytes: at - start, contentBytes: readContentSize(bytes, sizeAt, sizeBytes), isSkippable: false };
}

export function isSkippableMagic(magic: number): boolean {
  return magic >= firstSkippableMagic && magic <= lastSkippableMagic;
}

/** How long a frame's header is, from its magic on, by the byte that follows the magic. */
export function zstdHeaderBytes(descriptor: number): number {
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 0b11] ?? 0;
  return 5 + (isSingleSegment(descriptor) ? 0 : 1) + dictionaryBytes + contentSizeBytes(descriptor);
}

/** What a block's header of three bytes says. Throws ARCHIVE_DAMAGED where it is none. */
export function blockBytes(header: number): { readonly bytes: number; readonly isLast: boolean } {
  const type = (header >> 1) & 0b11;
  if (type === 3) throw damaged("a block's type is reserved");
  // One repeated byte stands for a block of type 1.
  return { bytes: type === 1 ? 1 : header >> 3, isLast: (header & 1) === 1 };
}

function isSingleSegment(descriptor: number): boolean {
  return (descriptor & 0b10_0000) !== 0;
}

/** How many bytes hold the content's size; 0: it is not told. */
function contentSizeBytes(descriptor: number): number {
  return [isSingleSegment(descriptor) ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
}

function readContentSize(bytes: Buffer, at: number, sizeBytes: number): number | null {
  switch (sizeBytes) {
    case 0:
      return null;
    case 1:
      return bytes.readUInt8(at);
    case 2:
      return bytes.readUInt16LE(at) + 256;
    case 4:
      return bytes.readUInt32LE(at);
    default:
      return Number(bytes.readBigUInt64LE(at));
  }
}

function damaged(what: string): BackupAwarenessError {
  return new BackupAwarenessError("ARCHIVE_DAMAGED", `the archive is damaged: ${what}`);
}
