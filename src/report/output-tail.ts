/** The end of what a tool wrote, as far as a report may hold it. */
export class OutputTail {
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Takes a copy, at most, of the chunk's own end: a large one is not kept alive. */
  add(chunk: Buffer): void {
    const kept = chunk.length > this.#limitBytes ? Buffer.from(chunk.subarray(-this.#limitBytes)) : chunk;
    this.#chunks.push(kept);
    this.#sizeBytes += kept.length;
    // Joined now and then, not at every chunk: a tool may write byte by byte.
    if (this.#chunks.length > 64 || this.#sizeBytes > 16 * this.#limitBytes) this.#chunks = [this.#join()];
  }

  /**
   * The last bytes as text: it never begins within a character, what is no UTF-8 and what PostgreSQL's text cannot hold (U+0000) is U+FFFD,
   * and blanks at its end are left out.
   */
  text(): string {
    const bytes = this.#join();
    this.#chunks = [bytes];
    let begin = 0;
    // A full tail may begin within a character: at most three bytes of one follow its first.
    if (bytes.length === this.#limitBytes) while (begin < 3 && isContinuation(bytes[begin])) begin++;
    return new TextDecoder().decode(bytes.subarray(begin)).replaceAll("\0", "\u{FFFD}").trimEnd();
  }

  #join(): Buffer {
    const joined = Buffer.from(Buffer.concat(this.#chunks).subarray(-this.#limitBytes));
    this.#sizeBytes = joined.length;
    return joined;
  }
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
