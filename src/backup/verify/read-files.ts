import { damaged } from "../archive-reader/archive-error.ts";
import { ByteReader } from "../archive-reader/byte-reader.ts";
import type { Compression } from "../archive-reader/compression.ts";
import type { DecompressionMeans } from "../archive-reader/decompress.ts";
import { openInnerContent } from "../archive-reader/inner-content.ts";
import { readTar } from "../archive-reader/tar-reader.ts";

/** What the files' tar turned out to hold, walked to its end. */
export type ReadFiles = {
  readonly compression: Compression;
  /** Files, directories, links and all else. */
  readonly entries: number;
  readonly contentBytes: number;
};

/** Walks the tar in a member, decompressed if need be, to its end; extracts nothing. Throws ARCHIVE_DAMAGED and ARCHIVE_TRUNCATED. */
export async function readFiles(content: AsyncIterable<Buffer>, means: DecompressionMeans): Promise<ReadFiles> {
  const { compression, chunks } = await openInnerContent(content, means);
  const reader = new ByteReader(chunks);
  let entries = 0;
  let contentBytes = 0;
  for await (const { sizeBytes } of readTar(reader)) {
    entries++;
    contentBytes += sizeBytes;
  }
  for await (const piece of reader.remaining()) {
    if (piece.some((byte) => byte !== 0)) throw damaged("something follows the end of the files' tar");
  }
  return { compression, entries, contentBytes };
}
