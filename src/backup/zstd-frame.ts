import { BackupAwarenessError } from "../contract/errors.ts";

/*
 * Zstandard's outer shape (RFC 8878): a file is a sequence of frames, each of which can be decompressed on its own. Node's own
 * decompressor stops after the first and passes over a truncated one, so whoever reads must know where frames end.
 */

const frameMagic = 0xfd2fb528;
const firstSkippableMagic = 0x184d2a50;
const lastSkippableMagic = 0x184d2a5f;
const blockHeaderBytes = 3;

/** How far a raw frame's content lies behind its start. */
export const rawFrameHeaderBytes = 10;

/** Content as it is in a frame of its own, whose size depends on nothing but the content's: it can be patched in place. 256 to 65,791 bytes. */
export function rawFrame(content: Buffer): Buffer {
  if (content.length < 256 || content.length > 65_791) throw new RangeError(`a raw frame of ${content.length} bytes`);
  const frame = Buffer.alloc(rawFrameHeaderBytes + content.length);
  frame.writeUInt32LE(frameMagic, 0);
  // One segment, content size in two bytes (which count from 256), no checksum.
  frame.writeUInt8(0b0110_0000, 4);
  frame.writeUInt16LE(content.length - 256, 5);
  // The last block, raw.
  frame.writeUIntLE((content.length << 3) | 1, 7, blockHeaderBytes);
  content.copy(frame, rawFrameHeaderBytes);
  return frame;
}

/** Bytes that every decompressor passes over. */
export function skippableFrame(content: Buffer): Buffer {
  const frame = Buffer.alloc(8 + content.length);
  frame.writeUInt32LE(firstSkippableMagic, 0);
  frame.writeUInt32LE(content.length, 4);
  content.copy(frame, 8);
  return frame;
}

export type FrameExtent = {
  /** From the magic to the last byte. */
  readonly frameBytes: number;
  /** What it becomes when decompressed; null: it does not say. */
  readonly contentBytes: number | null;
  readonly isSkippable: boolean;
};

/** Where the frame that begins at `start` ends; null: it reaches beyond `bytes`. Throws BACKUP_FAILED where no frame begins. */
export function measureFrame(bytes: Buffer, start: number): FrameExtent | null {
  if (bytes.length < start + 8) return null;
  const magic = bytes.readUInt32LE(start);
  if (magic >= firstSkippableMagic && magic <= lastSkippableMagic) {
    const frameBytes = 8 + bytes.readUInt32LE(start + 4);
    return start + frameBytes > bytes.length ? null : { frameBytes, contentBytes: 0, isSkippable: true };
  }
  if (magic !== frameMagic) throw damaged("what should begin a Zstandard frame does not");

  const descriptor = bytes.readUInt8(start + 4);
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 0b11] ?? 0;
  const sizeAt = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  let at = sizeAt + sizeBytes;
  for (let isLast = false; !isLast;) {
    if (at + blockHeaderBytes > bytes.length) return null;
    const header = bytes.readUIntLE(at, blockHeaderBytes);
    isLast = (header & 1) === 1;
    const type = (header >> 1) & 0b11;
    if (type === 3) throw damaged("a block's type is reserved");
    // One repeated byte stands for a block of type 1.
    at += blockHeaderBytes + (type === 1 ? 1 : header >> 3);
  }
  if ((descriptor & 0b100) !== 0) at += 4;
  return at > bytes.length
    ? null
    : { frameBytes: at - start, contentBytes: readContentSize(bytes, sizeAt, sizeBytes), isSkippable: false };
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
  return new BackupAwarenessError("BACKUP_FAILED", `the archive is damaged: ${what}`);
}
