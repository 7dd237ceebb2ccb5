import { readFile } from "node:fs/promises";
import { zstdDecompressSync } from "node:zlib";
import { openForReadBack } from "../../src/backup/direct-read.ts";
import { readBack } from "../../src/backup/read-back.ts";
import { measureFrame } from "../../src/backup/zstd-frame.ts";

/** The names of an archive's members, its list of checksums excepted; the archive is whole. */
export async function memberNames(path: string | null | undefined): Promise<string[]> {
  const reading = await openForReadBack(path ?? "");
  try {
    return (await readBack(reading.chunks)).map(({ name }) => name);
  } finally {
    await reading.close();
  }
}

/** The tar in an archive; for machines without the program zstd. */
export async function decompressArchive(path: string | null | undefined): Promise<Buffer> {
  const bytes = await readFile(path ?? "");
  const contents: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const extent = measureFrame(bytes, at);
    if (extent === null) throw new Error("the archive is cut off");
    if (!extent.isSkippable) contents.push(zstdDecompressSync(bytes.subarray(at, at + extent.frameBytes)));
    at += extent.frameBytes;
  }
  return Buffer.concat(contents);
}
