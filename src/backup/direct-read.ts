import { constants, open, type FileHandle } from "node:fs/promises";

const chunkBytes = 2 * 1024 * 1024;
/** What devices demand of a buffer's address: 512 or 4096 bytes. */
const largestAlignment = 4096;
const allocatorAlignment = 8;

/** Where the bytes of a read-back came from: past the page cache (O_DIRECT), or through it. */
export type ReadBackWay = "direct" | "page cache";

export type FileReading = {
  readonly way: ReadBackWay;
  /** The whole file, from its beginning; a chunk is valid until the next is asked for. */
  readonly chunks: AsyncIterable<Buffer>;
  close(): Promise<void>;
};

/** Opens a file to be read once, past the page cache where the file system can do that. Close it. */
export async function openForReadBack(path: string): Promise<FileReading> {
  const direct = await openDirect(path);
  if (direct !== null)
    return { way: "direct", chunks: readAll(direct.file, direct.buffers), close: () => direct.file.close() };
  const file = await open(path, "r");
  const buffers = [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)] as const;
  return { way: "page cache", chunks: readAll(file, buffers), close: () => file.close() };
}

type BufferPair = readonly [Buffer, Buffer];

async function openDirect(path: string): Promise<{ readonly file: FileHandle; readonly buffers: BufferPair } | null> {
  // Linux alone has it, whatever the types say.
  const { O_DIRECT: flag } = constants as { readonly O_DIRECT?: number };
  if (flag === undefined) return null;
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | flag);
  } catch {
    return null;
  }
  const first = await findAlignedBuffer(file);
  const second = first === null ? null : await findAlignedBuffer(file);
  if (first !== null && second !== null) return { file, buffers: [first, second] };
  await file.close();
  return null;
}

/** JavaScript does not tell a buffer's address, but the kernel tells whether it is aligned: the first that it takes is. */
async function findAlignedBuffer(file: FileHandle): Promise<Buffer | null> {
  const room = Buffer.allocUnsafeSlow(chunkBytes + largestAlignment);
  for (let start = 0; start < largestAlignment; start += allocatorAlignment) {
    try {
      await file.read(room, start, largestAlignment, 0);
      return room.subarray(start, start + chunkBytes);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EINVAL")) return null;
    }
  }
  return null;
}

/** Reads ahead by one chunk while the caller works on the one before. */
async function* readAll(file: FileHandle, buffers: BufferPair): AsyncGenerator<Buffer> {
  let position = 0;
  let next = readChunk(file, buffers[0], position);
  try {
    for (let turn = 1; ; turn++) {
      const chunk = await next;
      position += chunk.length;
      // A short read is the end: what follows it would be unaligned.
      const isLast = chunk.length < chunkBytes;
      if (!isLast) next = readChunk(file, turn % 2 === 0 ? buffers[0] : buffers[1], position);
      if (chunk.length > 0) yield chunk;
      if (isLast) return;
    }
  } finally {
    await next.catch(() => {
      // Told already, or of no interest to a caller who stopped.
    });
  }
}

async function readChunk(file: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  const { bytesRead } = await file.read(buffer, 0, chunkBytes, position);
  return buffer.subarray(0, bytesRead);
}
