import { damaged } from "./archive-error.ts";

/** Version, config, checksums and manifest are kept in memory: a manifest names every table. */
const largestSmallMemberBytes = 64 * 1024 * 1024;

/** The text of a member that is known to be small. Throws ARCHIVE_DAMAGED where it is not. */
export async function readSmallMember(name: string, content: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.length;
    if (bytes > largestSmallMemberBytes) throw damaged(`${name} is larger than any real one`);
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces).toString("utf8");
}
