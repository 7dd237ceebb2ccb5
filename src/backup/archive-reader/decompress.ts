import { pipeline, Readable } from "node:stream";
import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { FedProgram } from "../fed-program.ts";
import { describeEnd } from "../run-program.ts";
import { cutOff, damaged } from "./archive-error.ts";
import { ByteReader } from "./byte-reader.ts";
import type { Compression } from "./compression.ts";
import { wholeFramePieces } from "./whole-frame-pieces.ts";

export type DecompressionMeans = {
  /** Where xz and bzip2 are looked for: PATH. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
};

const pieceBytes = 256 * 1024;
/** What `zstd -dc` allows without being asked: windows of 128 MiB. */
const largestWindowLog = 27;
/** `xz -9` needs 65 MiB to decompress. */
const xzMemoryLimit = "256MiB";

/**
 * The content of a compressed stream, of all its frames or members, in pieces that are valid until the next; memory does not depend on how large it is. zstd and gzip by node:zlib, xz
 * and bzip2 by the programs. Throws ARCHIVE_TRUNCATED, ARCHIVE_DAMAGED, and ARCHIVE_UNREADABLE where a program is missing.
 */
export function decompress(
  chunks: AsyncIterable<Buffer>,
  compression: Compression,
  means: DecompressionMeans,
): AsyncIterable<Buffer> {
  switch (compression) {
    case "none":
      return chunks;
    case "gzip":
      return throughZlib(chunks, createGunzip({ chunkSize: pieceBytes }));
    case "zstd": {
      const params = { [constants.ZSTD_d_windowLogMax]: largestWindowLog };
      return throughZlib(
        wholeFramePieces(new ByteReader(chunks)),
        createZstdDecompress({ chunkSize: pieceBytes, params }),
      );
    }
    case "xz":
      return throughProgram(chunks, "xz", ["-dc", `--memlimit-decompress=${xzMemoryLimit}`], means);
    case "bzip2":
      return throughProgram(chunks, "bzip2", ["-dc"], means);
  }
}

async function* throughZlib(chunks: AsyncIterable<Buffer>, decompressor: Gunzip | ZstdDecompress) {
  // The iteration below is told of errors; what is left over when it stops early ends with it.
  pipeline(Readable.from(chunks), decompressor, () => undefined);
  try {
    for await (const piece of decompressor as AsyncIterable<Buffer>) yield piece;
  } catch (error) {
    if (error instanceof BackupAwarenessError) throw error;
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "Z_BUF_ERROR") throw cutOff("its compressed data ends too early");
    if (typeof code === "string" && /^(Z_|ZSTD_)/.test(code))
      throw damaged(`it cannot be decompressed (${error instanceof Error ? error.message : code})`);
    throw error;
  } finally {
    decompressor.destroy();
  }
}

async function* throughProgram(
  chunks: AsyncIterable<Buffer>,
  name: "xz" | "bzip2",
  words: readonly string[],
  { env, signal }: DecompressionMeans,
): AsyncGenerator<Buffer> {
  const program = new FedProgram({ program: name, arguments: words, env, signal, keepsOutput: true });
  const feeding = feed(program, chunks);
  try {
    yield* program.output();
    const end = await program.end();
    await feeding;
    if (end.exitCode === 0) return;
    const said = end.tail.join("; ");
    if (/unexpected end of input|ends unexpectedly/i.test(said)) throw cutOff("its compressed data ends too early");
    if (/corrupt|not recognized|integrity|format|trailing garbage/i.test(said))
      throw damaged(`it cannot be decompressed (${said})`);
    throw new BackupAwarenessError("ARCHIVE_UNREADABLE", describeEnd(name, end));
  } finally {
    program.stop();
    await feeding.catch(() => undefined);
  }
}

async function feed(program: FedProgram, chunks: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const chunk of chunks) if (!(await program.write(chunk))) break;
  } catch (error) {
    program.fail(error);
  }
  program.endInput();
}
