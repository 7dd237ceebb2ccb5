import { constants, createZstdCompress, createZstdDecompress, type ZstdCompress, type ZstdDecompress } from "node:zlib";

const compressionLevel = 1;
const outputBytes = 256 * 1024;

/**
 * Turns content into frames, or frames into content, one at a time. It lives as long as an archive is written or read: zlib's one-shot functions take
 * memory of several MiB for each frame, and collecting that took a sixth of the whole time.
 */
export class FrameCodec {
  readonly #stream: ZstdCompress | ZstdDecompress;
  #pieces: Buffer[] = [];

  private constructor(stream: ZstdCompress | ZstdDecompress) {
    this.#stream = stream;
    stream.on("data", (piece: Buffer) => {
      this.#pieces.push(piece);
    });
    stream.on("error", () => {
      // Told to whoever awaits the work.
    });
  }

  /** Makes one frame, with a checksum, of each buffer. */
  static compressor(): FrameCodec {
    const params = { [constants.ZSTD_c_compressionLevel]: compressionLevel, [constants.ZSTD_c_checksumFlag]: 1 };
    // Every write ends a frame; the next begins another.
    return new FrameCodec(createZstdCompress({ flush: constants.ZSTD_e_end, chunkSize: outputBytes, params }));
  }

  /** Takes one whole frame at a time; of a part of one it gives what it has, without an error. */
  static decompressor(): FrameCodec {
    return new FrameCodec(createZstdDecompress({ chunkSize: outputBytes }));
  }

  /** The result in pieces. `input` must not change until then. */
  async work(input: Buffer): Promise<readonly Buffer[]> {
    await new Promise<void>((resolve, reject) => {
      // After a damaged frame zlib never calls the write back: the stream's own error tells.
      this.#stream.once("error", reject);
      this.#stream.write(input, (error) => {
        this.#stream.off("error", reject);
        if (error == null) resolve();
        else reject(error);
      });
    });
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  close(): void {
    this.#stream.destroy();
  }
}
