import { cutOff } from "./archive-error.ts";

/** Takes bytes from a stream in the portions that a parser needs, and keeps no more than one of the stream's pieces. */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next bytes, at least one and at most so many, valid until the next call; null: the stream has ended. */
  async some(atMost: number): Promise<Buffer | null> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return null;
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, atMost);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /** Exactly so many bytes, few enough to be kept, valid until the next call; null: the stream ended before the first. Throws ARCHIVE_TRUNCATED where it ends amid them. */
  async exactly(bytes: number): Promise<Buffer | null> {
    const first = await this.some(bytes);
    if (first === null || first.length === bytes) return first;
    const pieces = [Buffer.from(first)];
    for (let missing = bytes - first.length; missing > 0;) {
      const piece = await this.some(missing);
      if (piece === null) throw cutOff("it ends in the middle of a header");
      pieces.push(Buffer.from(piece));
      missing -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** The next bytes, fewer where the stream ends before, without taking them. */
  async peek(bytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let missing = bytes; missing > 0;) {
      const piece = await this.some(missing);
      if (piece === null) break;
      pieces.push(Buffer.from(piece));
      missing -= piece.length;
    }
    const beginning = Buffer.concat(pieces);
    this.#rest = this.#rest.length === 0 ? beginning : Buffer.concat([beginning, this.#rest]);
    return beginning;
  }

  /** All that is left, in pieces. */
  async *remaining(): AsyncGenerator<Buffer> {
    for (let piece = await this.some(Infinity); piece !== null; piece = await this.some(Infinity)) yield piece;
  }

  /** Lets the source clean up. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
