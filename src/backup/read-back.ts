import { createHash } from "node:crypto";
import { BackupAwarenessError } from "../contract/errors.ts";
import { ByteReader } from "./archive-reader/byte-reader.ts";
import { decompressOwnFrames } from "./archive-reader/own-frames.ts";
import { readSmallMember } from "./archive-reader/small-member.ts";
import { readTar } from "./archive-reader/tar-reader.ts";
import { checksumMember } from "./archive-writer.ts";
import { checksumProblems, parseChecksumList, type MemberChecksum } from "./checksum-list.ts";

export type ReadMember = MemberChecksum & { readonly sizeBytes: number };

/**
 * Reads a whole archive, decompresses it, computes each member's checksum anew and compares it with the archive's own list.
 * Returns the members in their order, the list itself excepted. Throws BACKUP_FAILED where anything is missing, cut off or different.
 */
export async function readBack(
  chunks: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<ReadMember[]> {
  try {
    const { members, list } = await readChecksums(counted(chunks, onBytes));
    if (list === null) throw damaged(`it has no ${checksumMember}`);
    const digests = members.map(({ name, sha256 }) => ({ name, digest: sha256 }));
    const [problem] = checksumProblems(digests, parseChecksumList(list));
    if (problem !== undefined) throw problem;
    return members;
  } catch (error) {
    if (error instanceof BackupAwarenessError && error.code.startsWith("ARCHIVE_"))
      throw damaged(error.message.replace(/^the archive [a-z ]+: /, ""));
    throw error;
  }
}

async function readChecksums(
  chunks: AsyncIterable<Buffer>,
): Promise<{ readonly members: ReadMember[]; readonly list: string | null }> {
  const reader = new ByteReader(decompressOwnFrames(chunks));
  const members: ReadMember[] = [];
  let list: string | null = null;
  for await (const { name, kind, sizeBytes, content } of readTar(reader)) {
    if (kind !== "file") throw damaged(`${name} in it is no plain file`);
    if (name === checksumMember) {
      list = await readSmallMember(name, content);
      continue;
    }
    const hash = createHash("sha256");
    for await (const piece of content) hash.update(piece);
    members.push({ name, sizeBytes, sha256: hash.digest("hex") });
  }
  if ((await reader.some(1)) !== null) throw damaged("something follows its end");
  return { members, list };
}

async function* counted(chunks: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}

function damaged(what: string): BackupAwarenessError {
  return new BackupAwarenessError("BACKUP_FAILED", `the archive was read back and is damaged: ${what}`, {
    hint: "look at the disk and at the kernel's log; then run engine-backup again",
  });
}
