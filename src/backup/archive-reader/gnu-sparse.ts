import { readTarNumber, tarBlockBytes } from "../tar-header.ts";
import { cutOff, damaged } from "./archive-error.ts";
import type { ByteReader } from "./byte-reader.ts";

/** Where a sparse file has data, in order; the rest is holes. */
export type SparseMap = {
  readonly sizeBytes: number;
  readonly extents: readonly { readonly offset: number; readonly bytes: number }[];
};

/** GNU's old form, which oVirt's `tar -S` writes: four extents in the header, then 21 in each block that follows. */
const headerExtents = { at: 386, count: 4, continuesAt: 482 } as const;
const blockExtents = { at: 0, count: 21, continuesAt: 504 } as const;
const realSizeAt = 483;
const numberBytes = 12;
/** A map of more is an attack: it would be kept in memory. */
const mostExtents = 1_000_000;
/** Holes cost an attacker nothing and us time and disk. */
const largestHoleBytes = 2 ** 40;

/** Reads the map of a sparse file from its header and the blocks after it. Throws ARCHIVE_DAMAGED. */
export async function readSparseMap(reader: ByteReader, header: Buffer): Promise<SparseMap> {
  const sizeBytes = readTarNumber(header, [realSizeAt, numberBytes]);
  const extents = extentsOf(header, headerExtents);
  let continues = header[headerExtents.continuesAt] !== 0;
  while (continues) {
    const block = await reader.exactly(tarBlockBytes);
    if (block === null) throw cutOff("the tar in it ends in the middle of a header");
    extents.push(...extentsOf(block, blockExtents));
    if (extents.length > mostExtents) throw damaged("a sparse file in it has too many pieces");
    continues = block[blockExtents.continuesAt] !== 0;
  }
  let at = 0;
  let holeBytes = 0;
  for (const { offset, bytes } of extents) {
    if (offset < at) throw damaged("the map of a sparse file in it is not in order");
    holeBytes += offset - at;
    at = offset + bytes;
  }
  holeBytes += sizeBytes - at;
  if (at > sizeBytes || holeBytes > largestHoleBytes || !Number.isSafeInteger(sizeBytes))
    throw damaged(`a sparse file in it claims ${sizeBytes} bytes`);
  return { sizeBytes, extents };
}

function extentsOf(
  block: Buffer,
  { at, count }: { readonly at: number; readonly count: number },
): { offset: number; bytes: number }[] {
  return Array.from({ length: count }, (_, number) => {
    const start = at + number * 2 * numberBytes;
    return {
      offset: readTarNumber(block, [start, numberBytes]),
      bytes: readTarNumber(block, [start + numberBytes, numberBytes]),
    };
  }).filter(({ offset, bytes }) => offset > 0 || bytes > 0);
}
