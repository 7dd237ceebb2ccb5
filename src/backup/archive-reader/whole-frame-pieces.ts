import { blockBytes, frameMagic, isSkippableMagic, zstdHeaderBytes } from "../zstd-frame.ts";
import { cutOff, damaged } from "./archive-error.ts";
import type { ByteReader } from "./byte-reader.ts";

/**
 * A zstd file in pieces none of which goes over the end of a frame: Node's decompressor drops what follows a frame in the same piece, and says nothing of one that
 * is cut off. Skippable frames are left out. A frame may be of any size: no more than a block is kept. Throws ARCHIVE_TRUNCATED and ARCHIVE_DAMAGED.
 */
export async function* wholeFramePieces(reader: ByteReader): AsyncGenerator<Buffer> {
  for (;;) {
    const magic = await reader.exactly(4);
    if (magic === null) return;
    if (isSkippableMagic(magic.readUInt32LE(0))) {
      await pass(reader, (await demand(reader, 4)).readUInt32LE(0));
      continue;
    }
    if (magic.readUInt32LE(0) !== frameMagic) throw damaged("what should begin a Zstandard frame does not");
    const beginning = Buffer.from(magic);
    const descriptor = Buffer.from(await demand(reader, 1));
    const rest = await demand(reader, zstdHeaderBytes(descriptor.readUInt8(0)) - 5);
    yield Buffer.concat([beginning, descriptor, rest]);
    for (let isLast = false; !isLast;) {
      const header = Buffer.from(await demand(reader, 3));
      const block = blockBytes(header.readUIntLE(0, 3));
      isLast = block.isLast;
      yield header;
      for (let missing = block.bytes; missing > 0;) {
        const piece = await reader.some(missing);
        if (piece === null) throw cutOff("it ends in the middle of a frame");
        missing -= piece.length;
        yield Buffer.from(piece);
      }
    }
    if ((descriptor.readUInt8(0) & 0b100) !== 0) yield Buffer.from(await demand(reader, 4));
  }
}

async function demand(reader: ByteReader, bytes: number): Promise<Buffer> {
  const found = bytes === 0 ? Buffer.alloc(0) : await reader.exactly(bytes);
  if (found === null) throw cutOff("it ends in the middle of a frame");
  return found;
}

async function pass(reader: ByteReader, bytes: number): Promise<void> {
  for (let missing = bytes; missing > 0;) {
    const piece = await reader.some(missing);
    if (piece === null) throw cutOff("it ends in the middle of a frame");
    missing -= piece.length;
  }
}
