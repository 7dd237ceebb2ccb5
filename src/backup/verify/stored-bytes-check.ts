import { crc32 } from "node:zlib";
import { damaged } from "../archive-reader/archive-error.ts";
import type { ArchiveIndex } from "../archive-index.ts";
import { archiveEndFrame, headerFrameBytes } from "../archive-writer.ts";

type Region = { readonly what: string; readonly bytes: number; readonly crc32: number };

/**
 * Compares a file's bytes, as they are stored, with the index's checksums. A frame has bits that nobody reads when it is decompressed, so that the content alone would not tell that one
 * of them has changed.
 */
export class StoredBytesCheck {
  readonly #regions: readonly Region[];
  #region = 0;
  #taken = 0;
  #crc32 = 0;

  constructor(index: ArchiveIndex) {
    const end = archiveEndFrame();
    this.#regions = [
      ...index.members.flatMap(({ name, storedBytes, headerCrc32, dataCrc32 }) => [
        { what: `the header of ${name}`, bytes: headerFrameBytes, crc32: headerCrc32 },
        { what: name, bytes: Math.max(0, storedBytes - headerFrameBytes), crc32: dataCrc32 },
      ]),
      { what: "its end", bytes: end.length, crc32: crc32(end) },
    ];
  }

  /** The file's next bytes, from its first on. Throws ARCHIVE_DAMAGED at the first member whose bytes are not those that were written. */
  take(chunk: Buffer): void {
    for (let at = 0; ;) {
      const region = this.#regions[this.#region];
      // What follows is the index, which has a checksum of its own.
      if (region === undefined) return;
      const piece = chunk.subarray(at, at + region.bytes - this.#taken);
      this.#crc32 = crc32(piece, this.#crc32);
      this.#taken += piece.length;
      at += piece.length;
      if (this.#taken < region.bytes) return;
      if (this.#crc32 !== region.crc32) throw damaged(`${region.what} is not stored as it was written (CRC-32)`);
      this.#region++;
      this.#taken = 0;
      this.#crc32 = 0;
    }
  }
}
