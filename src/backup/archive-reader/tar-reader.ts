import { decodeTarBlock, tarBlockBytes, tarPaddingBytes, type TarBlock } from "../tar-header.ts";
import { cutOff, damaged } from "./archive-error.ts";
import type { ByteReader } from "./byte-reader.ts";
import { readSparseMap, type SparseMap } from "./gnu-sparse.ts";

/** Larger ones are a lie, or an attack: no file system holds them. */
const largestMemberBytes = 2 ** 50;
/** A name, or the records of a pax header. Real ones take a few KiB at most. */
const largestExtensionBytes = 1024 * 1024;

export type TarEntryKind = "file" | "directory" | "symbolic link" | "hard link" | "device" | "other";

export type TarEntry = {
  readonly name: string;
  readonly kind: TarEntryKind;
  /** When extracted. */
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  /** Its data, once; a piece is valid until the next is asked for. What is not read is passed over. */
  readonly content: AsyncIterable<Buffer>;
};

/**
 * The entries of a tar (ustar, pax, GNU's long names and sparse files), one after the other. Nothing is extracted, no name is believed. What
 * follows the archive's end is left to the reader's owner. Throws ARCHIVE_TRUNCATED and ARCHIVE_DAMAGED.
 */
export async function* readTar(reader: ByteReader): AsyncGenerator<TarEntry> {
  let extended: Extension = {};
  for (;;) {
    const block = await readBlock(reader);
    if (block === null) break;
    const extension = await readExtension(reader, block);
    if (extension !== null) {
      extended = { ...extended, ...extension };
      continue;
    }
    const storedBytes = checkedSize(extended.sizeBytes ?? block.sizeBytes);
    const sparse = block.type === "S" ? await readSparseMap(reader, block.bytes) : null;
    const data = new EntryData(reader, storedBytes, sparse);
    yield {
      name: extended.name ?? block.name,
      kind: kinds[block.type] ?? "other",
      sizeBytes: sparse?.sizeBytes ?? storedBytes,
      modifiedAt: block.modifiedAt,
      content: data.pieces(),
    };
    await data.skip();
    extended = {};
  }
  // The second block of zeros of the end. GNU tar takes a lone one with a warning; a copy that lacks it is cut off.
  const second = await reader.exactly(tarBlockBytes);
  if (second === null) throw cutOff("the tar in it has no end");
  if (second.some((byte) => byte !== 0)) throw damaged("the tar in it ends and goes on");
}

const kinds: Readonly<Record<string, TarEntryKind>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  S: "file",
  "1": "hard link",
  "2": "symbolic link",
  "3": "device",
  "4": "device",
  "5": "directory",
  "6": "device",
};

type Extension = { readonly name?: string; readonly sizeBytes?: number };

/** null: the zeros that end an archive. */
async function readBlock(reader: ByteReader): Promise<TarBlock | null> {
  const bytes = await reader.exactly(tarBlockBytes);
  if (bytes === null) throw cutOff("the tar in it has no end");
  return decodeTarBlock(bytes);
}

/** What a header says about the next one; null: it is no such header. */
async function readExtension(reader: ByteReader, block: TarBlock): Promise<Extension | null> {
  switch (block.type) {
    case "L":
      return { name: (await readContent(reader, block)).toString("utf8").replace(/\0.*$/s, "") };
    case "x":
      return paxExtension(await readContent(reader, block));
    case "g":
    case "K":
      await readContent(reader, block);
      return {};
    default:
      return null;
  }
}

async function readContent(reader: ByteReader, { sizeBytes }: TarBlock): Promise<Buffer> {
  if (sizeBytes > largestExtensionBytes) throw damaged(`a header of a tar in it claims ${sizeBytes} bytes`);
  const content = await reader.exactly(sizeBytes + tarPaddingBytes(sizeBytes));
  if (content === null && sizeBytes > 0) throw cutOff("the tar in it ends in the middle of a header");
  return content?.subarray(0, sizeBytes) ?? Buffer.alloc(0);
}

/** Of the records `LENGTH KEY=VALUE\n` those that change what is read; a value may hold newlines. */
function paxExtension(records: Buffer): Extension {
  let extension: Extension = {};
  for (let at = 0; at < records.length;) {
    const blank = records.indexOf(0x20, at);
    const digits = records.toString("latin1", at, blank === -1 ? at : blank);
    const end = at + Number(digits);
    if (!/^\d{1,7}$/.test(digits) || end > records.length || end <= blank)
      throw damaged("a pax header of a tar in it is none");
    const record = records.toString("utf8", blank + 1, end - 1);
    if (record.startsWith("path=")) extension = { ...extension, name: record.slice("path=".length) };
    if (/^size=\d+$/.test(record)) extension = { ...extension, sizeBytes: Number(record.slice("size=".length)) };
    at = end;
  }
  return extension;
}

function checkedSize(sizeBytes: number): number {
  if (sizeBytes > largestMemberBytes || !Number.isSafeInteger(sizeBytes))
    throw damaged(`a file in it claims ${sizeBytes} bytes`);
  return sizeBytes;
}

/** An entry's data, holes filled with zeros, and the padding after it. */
class EntryData {
  readonly #reader: ByteReader;
  readonly #sparse: SparseMap | null;
  #missingBytes: number;
  #missingPadding: number;

  constructor(reader: ByteReader, storedBytes: number, sparse: SparseMap | null) {
    this.#reader = reader;
    this.#sparse = sparse;
    this.#missingBytes = storedBytes;
    this.#missingPadding = tarPaddingBytes(storedBytes);
  }

  async *pieces(): AsyncGenerator<Buffer> {
    if (this.#sparse === null) {
      while (this.#missingBytes > 0) yield await this.#take(this.#missingBytes);
      return;
    }
    let at = 0;
    for (const { offset, bytes } of this.#sparse.extents) {
      yield* zeros(offset - at);
      for (let missing = bytes; missing > 0;) {
        if (this.#missingBytes === 0) throw damaged("a sparse file in it has less data than it says");
        const piece = await this.#take(missing);
        missing -= piece.length;
        yield piece;
      }
      at = offset + bytes;
    }
    yield* zeros(this.#sparse.sizeBytes - at);
  }

  async skip(): Promise<void> {
    while (this.#missingBytes > 0) await this.#take(this.#missingBytes);
    while (this.#missingPadding > 0) {
      const piece = await this.#reader.some(this.#missingPadding);
      if (piece === null) throw cutOff("the tar in it ends in the middle of a file");
      this.#missingPadding -= piece.length;
    }
  }

  async #take(atMost: number): Promise<Buffer> {
    const piece = await this.#reader.some(Math.min(atMost, this.#missingBytes));
    if (piece === null) throw cutOff("the tar in it ends in the middle of a file");
    this.#missingBytes -= piece.length;
    return piece;
  }
}

const someZeros = Buffer.alloc(64 * 1024);

function* zeros(bytes: number): Generator<Buffer> {
  for (let missing = bytes; missing > 0; missing -= someZeros.length)
    yield someZeros.subarray(0, Math.min(missing, someZeros.length));
}
