import { constants, createZstdCompress, createZstdDecompress, type ZstdCompress, type ZstdDecompress } from "node:zlib";

const compressionLevel = 1;
/** Several times a frame: zstd then mostly works straight from input to output, without a window of its own in between. */
const compressedRoomBytes = 4 * 1024 * 1024;
const contentRoomBytes = 2 * 1024 * 1024;

/** A frame's content is larger than it may be. */
export class FrameTooLarge extends Error {
  constructor(limitBytes: number) {
    super(`more than ${limitBytes} bytes`);
    this.name = "FrameTooLarge";
  }
}

/**
 * Turns content into frames, or frames into content, one at a time. It lives as long as an archive is written or read: zlib's one-shot functions take
 * memory of several MiB for each frame, and collecting that took a sixth of the whole time.
 */
export class FrameCodec {
  readonly #stream: ZstdCompress | ZstdDecompress;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #limitBytes = Infinity;

  private constructor(stream: ZstdCompress | ZstdDecompress) {
    this.#stream = stream;
    stream.on("data", (piece: Buffer) => {
      this.#pieces.push(piece);
      this.#pieceBytes += piece.length;
      if (this.#pieceBytes > this.#limitBytes) stream.destroy();
    });
    stream.on("error", () => {
      // Told to whoever awaits the work.
    });
  }

  /** Makes one frame, with a checksum, of each buffer. */
  static compressor(): FrameCodec {
    const params = { [constants.ZSTD_c_compressionLevel]: compressionLevel, [constants.ZSTD_c_checksumFlag]: 1 };
    // Every write ends a frame; the next begins another.
    return new FrameCodec(createZstdCompress({ flush: constants.ZSTD_e_end, chunkSize: compressedRoomBytes, params }));
  }

  /** Takes one whole frame at a time; of a part of one it gives what it has, without an error. */
  static decompressor(): FrameCodec {
    return new FrameCodec(createZstdDecompress({ chunkSize: contentRoomBytes }));
  }

  /**
   * The result in pieces. `input` must not change until then. Throws FrameTooLarge, and is of no use any more, where the result would be larger than
   * that: a few bytes may claim to be gigabytes.
   */
  async work(input: Buffer, limitBytes = Infinity): Promise<readonly Buffer[]> {
    this.#limitBytes = limitBytes;
    await new Promise<void>((resolve, reject) => {
      // After a damaged frame zlib never calls the write back: the stream's own error tells.
      this.#stream.once("error", reject);
      this.#stream.write(input, (error) => {
        this.#stream.off("error", reject);
        if (error == null) resolve();
        else reject(error);
      });
    });
    // A stream that was destroyed calls a write back as if all were well.
    if (this.#pieceBytes > limitBytes) throw new FrameTooLarge(limitBytes);
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pieceBytes = 0;
    return pieces;
  }

  /**
   * Gives the memory of a result back at once: there are gigabytes of it, and a collector that has to find them takes a fifth of the whole time and holds hundreds of
   * megabytes. What zlib fills on is left to it; each result is released once, in order.
   */
  static release(pieces: readonly Buffer[]): void {
    for (const { buffer, byteOffset, length } of pieces) {
      const isFull = byteOffset + length === buffer.byteLength;
      if (isFull && buffer instanceof ArrayBuffer) buffer.transfer(0);
    }
  }

  close(): void {
    this.#stream.destroy();
  }
}
