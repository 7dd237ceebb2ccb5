import { createHash } from "node:crypto";

/** Hands a member's content on and computes its checksums, of all of it even where whoever reads it stops early. */
export class WatchedContent {
  readonly #source: AsyncIterator<Buffer>;
  readonly #sha256 = createHash("sha256");
  readonly #md5;
  /** Why the content could not be read on; null: it could. */
  failure: { readonly reason: unknown } | null = null;

  constructor(content: AsyncIterable<Buffer>, withMd5: boolean) {
    this.#source = content[Symbol.asyncIterator]();
    this.#md5 = withMd5 ? createHash("md5") : null;
  }

  async *pieces(): AsyncGenerator<Buffer> {
    try {
      for (let piece = await this.#next(); piece !== null; piece = await this.#next()) yield piece;
    } finally {
      await this.readAll();
    }
  }

  async readAll(): Promise<void> {
    while ((await this.#next()) !== null) continue;
  }

  digests(): { readonly sha256: string; readonly md5: string | null } {
    return { sha256: this.#sha256.digest("hex"), md5: this.#md5?.digest("hex") ?? null };
  }

  async #next(): Promise<Buffer | null> {
    if (this.failure !== null) return null;
    try {
      const next = await this.#source.next();
      if (next.done === true) return null;
      this.#sha256.update(next.value);
      this.#md5?.update(next.value);
      return next.value;
    } catch (reason) {
      this.failure = { reason };
      throw reason;
    }
  }
}
