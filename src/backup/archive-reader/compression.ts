/** How bytes are compressed; `none`: not at all. */
export const compressions = ["zstd", "gzip", "xz", "bzip2", "none"] as const;
export type Compression = (typeof compressions)[number];

const signatures: readonly (readonly [Compression, Buffer])[] = [
  ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ["gzip", Buffer.from([0x1f, 0x8b, 0x08])],
  ["xz", Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ["bzip2", Buffer.from("BZh", "latin1")],
];

/** How many bytes of the beginning tell it. */
export const longestSignatureBytes = 6;

/** By the first bytes, whatever a name or a config says. */
export function detectCompression(beginning: Buffer): Compression {
  const found = signatures.find(([, signature]) => beginning.subarray(0, signature.length).equals(signature));
  return found?.[0] ?? "none";
}
