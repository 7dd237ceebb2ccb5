import { BackupAwarenessError } from "../../contract/errors.ts";
import { frameContentBytes } from "../archive-writer.ts";
import { FrameCodec, FrameTooLarge } from "../frame-codec.ts";
import { measureFrame } from "../zstd-frame.ts";
import { cutOff, damaged } from "./archive-error.ts";

const framesInFlight = 3;
/** The index is the one frame that may be larger than a frame of content, and it is small. */
const largestFrameBytes = 2 * frameContentBytes;

/** Memory that chunks are copied into while frames of the one before are still being decompressed. */
type Room = { bytes: Buffer; readonly atWork: Promise<unknown>[] };

/**
 * Decompresses what our own writer wrote: many small frames, some of them ahead, side by side; a piece is valid until the next. A frame that is larger than ours are is
 * refused before it fills the memory. Throws ARCHIVE_TRUNCATED and ARCHIVE_DAMAGED.
 */
export async function* decompressOwnFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const codecs = Array.from({ length: framesInFlight }, () => FrameCodec.decompressor());
  const rooms: readonly [Room, Room] = [
    { bytes: Buffer.alloc(0), atWork: [] },
    { bytes: Buffer.alloc(0), atWork: [] },
  ];
  const inFlight: Promise<readonly Buffer[]>[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let [chunkTurn, codecTurn] = [0, 0];
  try {
    for await (const chunk of chunks) {
      const room = rooms[chunkTurn++ % 2 === 0 ? 0 : 1];
      await Promise.allSettled(room.atWork.splice(0));
      const split = splitFrames(joinIn(room, rest, chunk));
      for (const frame of split.frames) {
        const codec = codecs[codecTurn++ % framesInFlight] ?? FrameCodec.decompressor();
        const content = decompressFrame(codec, frame);
        content.catch(() => {
          // Told when it is awaited.
        });
        room.atWork.push(content);
        inFlight.push(content);
        const first = inFlight.length < framesInFlight ? undefined : inFlight.shift();
        if (first !== undefined) yield* eachAndRelease(await first);
      }
      rest = split.rest;
      if (split.damage !== null) throw split.damage;
      if (rest.length > largestFrameBytes) throw damaged("a frame does not end");
    }
    for (const content of inFlight) yield* eachAndRelease(await content);
    if (rest.length > 0) throw cutOff("it ends in the middle of a frame");
  } finally {
    await Promise.allSettled(inFlight);
    for (const codec of codecs) codec.close();
  }
}

function* eachAndRelease(pieces: readonly Buffer[]): Generator<Buffer> {
  yield* pieces;
  FrameCodec.release(pieces);
}

/** One behind the other, in the room's memory; `rest` lies in the other room. */
function joinIn(room: Room, rest: Buffer, chunk: Buffer): Buffer {
  const length = rest.length + chunk.length;
  if (room.bytes.length < length) room.bytes = Buffer.allocUnsafeSlow(length + largestFrameBytes);
  rest.copy(room.bytes);
  chunk.copy(room.bytes, rest.length);
  return room.bytes.subarray(0, length);
}

type Frame = { readonly bytes: Buffer; readonly contentBytes: number | null };

/** The whole frames in these bytes, skippable ones excepted, and what follows them. `damage`: what is wrong after those. */
function splitFrames(bytes: Buffer): {
  readonly frames: readonly Frame[];
  readonly rest: Buffer;
  readonly damage: BackupAwarenessError | null;
} {
  const frames: Frame[] = [];
  let start = 0;
  try {
    for (let extent = measureFrame(bytes, start); extent !== null; extent = measureFrame(bytes, start)) {
      const end = start + extent.frameBytes;
      if ((extent.contentBytes ?? 0) > frameContentBytes)
        throw damaged("a frame is larger than engine-backup makes them");
      if (!extent.isSkippable) frames.push({ bytes: bytes.subarray(start, end), contentBytes: extent.contentBytes });
      start = end;
    }
  } catch (damage) {
    if (!(damage instanceof BackupAwarenessError)) throw damage;
    return { frames, rest: bytes.subarray(start), damage };
  }
  return { frames, rest: bytes.subarray(start), damage: null };
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
