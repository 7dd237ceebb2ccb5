import { frameContentBytes } from "../archive-writer.ts";
import { FrameCodec, FrameTooLarge } from "../frame-codec.ts";
import { measureFrame } from "../zstd-frame.ts";
import { cutOff, damaged } from "./archive-error.ts";

const framesInFlight = 3;
/** The index is the one frame that may be larger than a frame of content, and it is small. */
const largestFrameBytes = 2 * frameContentBytes;

/**
 * Decompresses what our own writer wrote: many small frames, some of them ahead, side by side. A frame that is larger than ours are is refused before it fills the
 * memory. Throws ARCHIVE_TRUNCATED and ARCHIVE_DAMAGED.
 */
export async function* decompressOwnFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const codecs = Array.from({ length: framesInFlight }, () => FrameCodec.decompressor());
  const inFlight: Promise<readonly Buffer[]>[] = [];
  try {
    let turn = 0;
    for await (const frame of splitFrames(chunks)) {
      const codec = codecs[turn++ % framesInFlight] ?? FrameCodec.decompressor();
      const content = decompressFrame(codec, frame);
      content.catch(() => {
        // Told when it is awaited.
      });
      inFlight.push(content);
      const first = inFlight.length < framesInFlight ? undefined : inFlight.shift();
      if (first !== undefined) yield* await first;
    }
    for (const content of inFlight) yield* await content;
  } finally {
    await Promise.allSettled(inFlight);
    for (const codec of codecs) codec.close();
  }
}

type Frame = { readonly bytes: Buffer; readonly contentBytes: number | null };

async function* splitFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
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
  if (rest.length > 0) throw cutOff("it ends in the middle of a frame");
}

async function decompressFrame(codec: FrameCodec, { bytes, contentBytes }: Frame): Promise<readonly Buffer[]> {
  let pieces: readonly Buffer[];
  try {
    pieces = await codec.work(bytes, frameContentBytes);
  } catch (error) {
    if (error instanceof FrameTooLarge) throw damaged("a frame is larger than engine-backup makes them");
    throw damaged(`a frame cannot be decompressed (${error instanceof Error ? error.message : String(error)})`);
  }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (contentBytes !== null && length !== contentBytes) throw damaged("a frame holds less than it says");
  return pieces;
}
