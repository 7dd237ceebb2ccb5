/*
 * The last frame of an archive, which decompressors pass over: where each member begins, so that one can be read without
 * those before it. JSON, then its length (4 bytes, lowest first) and a mark.
 */

const mark = "BAIX";
const trailerBytes = 8;

export type IndexEntry = {
  readonly name: string;
  /** Where the frame of the member's header begins in the compressed file. */
  readonly offset: number;
  /** How many bytes of the compressed file it takes, its header included. */
  readonly storedBytes: number;
  /** How many bytes it has when extracted. */
  readonly sizeBytes: number;
};

export function encodeArchiveIndex(entries: readonly IndexEntry[]): Buffer {
  const json = Buffer.from(JSON.stringify({ members: entries }), "utf8");
  const trailer = Buffer.alloc(trailerBytes);
  trailer.writeUInt32LE(json.length, 0);
  trailer.write(mark, 4, "latin1");
  return Buffer.concat([json, trailer]);
}
