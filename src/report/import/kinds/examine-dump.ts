import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { findClientPrograms } from "../../../database/client-programs.ts";

/** What can be seen of a dump file: it is whole, it is not, or nothing tells. */
export type DumpFinding =
  | { readonly kind: "whole"; readonly how: string }
  | { readonly kind: "broken"; readonly fault: string }
  | { readonly kind: "unknown"; readonly why: string };

const headBytes = 4_096;
/** pg_dump's end mark may be followed by a few lines. */
const tailBytes = 4_096;
const largestErrorBytes = 1_048_576;

/**
 * Reads a dump to its end: decompresses gzip and Zstandard, looks for the end mark of pg_dump and pg_dumpall's text, lets pg_restore read its own formats.
 * `path` is the variable PATH.
 */
export async function examineDump(file: string, path: string | undefined, signal: AbortSignal): Promise<DumpFinding> {
  const head = await readHead(file);
  if (startsWith(head, "PGDMP") || isTar(head)) return restoreToNowhere(file, path, signal);
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  const isZstandard = head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528;
  if (startsWith(head, "BZh") || startsWith(head, "\u{fd}7zXZ"))
    return { kind: "unknown", why: "nothing here reads bzip2 or xz" };
  const decompressor = isGzip ? createGunzip() : isZstandard ? createZstdDecompress() : null;
  const ends = new Ends();
  try {
    const source = createReadStream(file);
    await (decompressor === null
      ? pipeline(source, ends, { signal })
      : pipeline(source, decompressor, ends, { signal }));
    // Node stops after the first Zstandard frame; what follows has not been looked at.
    if (isZstandard && decompressor !== null && decompressor.bytesWritten < source.bytesRead)
      return { kind: "unknown", why: "it consists of several Zstandard frames" };
  } catch (error) {
    if (signal.aborted) throw error;
    return { kind: "broken", fault: `it cannot be decompressed to its end: ${messageOf(error)}` };
  }
  return judgeText(ends, decompressor !== null);
}

function judgeText(ends: Ends, isCompressed: boolean): DumpFinding {
  if (/-- PostgreSQL database (?:cluster )?dump$/m.test(ends.head.toString("latin1"))) {
    return /-- PostgreSQL database (?:cluster )?dump complete$/m.test(ends.tail.toString("latin1"))
      ? { kind: "whole", how: "pg_dump's end mark is there" }
      : { kind: "broken", fault: "pg_dump's end mark is missing" };
  }
  return isCompressed
    ? { kind: "whole", how: "it is decompressed to its end, checksum included" }
    : { kind: "unknown", why: "nothing tells where such a file should end" };
}

/** The first and the last bytes of what flows through. */
class Ends extends Writable {
  head: Buffer = Buffer.alloc(0);
  tail: Buffer = Buffer.alloc(0);

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.head.length < headBytes)
      this.head = Buffer.concat([this.head, chunk.subarray(0, headBytes - this.head.length)]);
    const kept = chunk.subarray(-tailBytes);
    this.tail = kept.length === tailBytes ? Buffer.from(kept) : Buffer.concat([this.tail, kept]).subarray(-tailBytes);
    done();
  }
}

/** pg_restore reads and decompresses all of a dump in its own formats; to read one it may not be older than the pg_dump that wrote it. */
async function restoreToNowhere(file: string, path: string | undefined, signal: AbortSignal): Promise<DumpFinding> {
  const programs = await findClientPrograms("pg_restore", path);
  const newest = programs.toSorted((one, other) => other.major - one.major)[0];
  if (newest === undefined) return { kind: "unknown", why: "pg_restore, which could read it, is not installed" };
  try {
    await promisify(execFile)(newest.path, ["--file=/dev/null", file], { signal, maxBuffer: largestErrorBytes });
    return { kind: "whole", how: `pg_restore ${newest.version} reads it to its end` };
  } catch (error) {
    if (signal.aborted) throw error;
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : messageOf(error);
    return said.includes("unsupported version")
      ? { kind: "unknown", why: `pg_restore ${newest.version} is too old for it` }
      : { kind: "broken", fault: `pg_restore cannot read it: ${said.split("\n").at(-1) ?? ""}` };
  }
}

async function readHead(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function startsWith(head: Buffer, magic: string): boolean {
  return head.subarray(0, magic.length).equals(Buffer.from(magic, "latin1"));
}

function isTar(head: Buffer): boolean {
  return head.subarray(257, 262).equals(Buffer.from("ustar"));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
