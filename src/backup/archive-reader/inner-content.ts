import { ByteReader } from "./byte-reader.ts";
import { detectCompression, longestSignatureBytes, type Compression } from "./compression.ts";
import { decompress, type DecompressionMeans } from "./decompress.ts";

/** How a database's dump is written. */
export type DumpFormat = "custom" | "plain";

export const customDumpMagic = Buffer.from("PGDMP", "latin1");

/** A member's content as it was before it was compressed on its own; ours never are, oVirt's are. */
export type InnerContent = { readonly compression: Compression; readonly chunks: AsyncIterable<Buffer> };

/** Looks at the first bytes, whatever `./config` says, and decompresses the rest. Throws ARCHIVE_… while it is read. */
export async function openInnerContent(
  content: AsyncIterable<Buffer>,
  means: DecompressionMeans,
): Promise<InnerContent> {
  const reader = new ByteReader(content);
  const compression = detectCompression(await reader.peek(longestSignatureBytes));
  return { compression, chunks: decompress(reader.remaining(), compression, means) };
}

/** A dump, decompressed, and its format by its first bytes. */
export async function openDump(
  content: AsyncIterable<Buffer>,
  means: DecompressionMeans,
): Promise<InnerContent & { readonly format: DumpFormat }> {
  const { compression, chunks } = await openInnerContent(content, means);
  const reader = new ByteReader(chunks);
  const beginning = await reader.peek(customDumpMagic.length);
  return { compression, chunks: reader.remaining(), format: beginning.equals(customDumpMagic) ? "custom" : "plain" };
}
