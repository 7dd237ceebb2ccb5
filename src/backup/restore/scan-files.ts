import { damaged } from "../archive-reader/archive-error.ts";
import { ByteReader } from "../archive-reader/byte-reader.ts";
import type { DecompressionMeans } from "../archive-reader/decompress.ts";
import { openInnerContent } from "../archive-reader/inner-content.ts";
import { readTar, type TarEntryKind } from "../archive-reader/tar-reader.ts";

/** How many names a complaint lists. */
const namedEntries = 5;

/** What the files' tar holds, walked to its end. */
export type FilesScan = {
  readonly counts: EntryCounts;
  /** Of all files, when extracted. */
  readonly contentBytes: number;
  /** The names, absolute, that no other name lies above: where the files go when the archive says nothing else. */
  readonly tops: readonly string[];
  /** Why it must not be extracted: names that lead out, or what no backup of files holds. Empty: it may. */
  readonly objections: readonly string[];
};

export type EntryCounts = { readonly files: number; readonly directories: number; readonly symbolicLinks: number };

/** Walks the tar in a member, decompressed if need be, to its end, believes no name and extracts nothing. Throws ARCHIVE_DAMAGED and ARCHIVE_TRUNCATED. */
export async function scanFiles(content: AsyncIterable<Buffer>, means: DecompressionMeans): Promise<FilesScan> {
  const { chunks } = await openInnerContent(content, means);
  const reader = new ByteReader(chunks);
  const scan = new Scan();
  for await (const { name, kind, sizeBytes } of readTar(reader)) scan.take(name, kind, sizeBytes);
  for await (const piece of reader.remaining()) {
    if (piece.some((byte) => byte !== 0)) throw damaged("something follows the end of the files' tar");
  }
  return scan.result();
}

class Scan {
  #files = 0;
  #directories = 0;
  #symbolicLinks = 0;
  #contentBytes = 0;
  readonly #links = new Set<string>();
  /** Few: one for each path that was packed. */
  #tops: string[] = [];
  readonly #objections: string[] = [];
  #objectionCount = 0;

  take(rawName: string, kind: TarEntryKind, sizeBytes: number): void {
    const name = rawName.replace(/^\.\//, "").replace(/\/+$/, "");
    if (name === "" || name === ".") {
      this.#directories++;
      return;
    }
    const parts = name.split("/");
    if (rawName.startsWith("/") || parts.includes(".."))
      this.#object(`${JSON.stringify(rawName)} leads out of its place`);
    if (kind === "device") this.#object(`${JSON.stringify(rawName)} is a device`);
    if (kind === "other") this.#object(`${JSON.stringify(rawName)} is of a kind that no backup of files holds`);
    const link = parts
      .slice(0, -1)
      .map((_, at) => parts.slice(0, at + 1).join("/"))
      .find((above) => this.#links.has(above));
    if (link !== undefined)
      this.#object(`${JSON.stringify(rawName)} goes through the symbolic link ${JSON.stringify(link)}`);
    if (kind === "symbolic link") this.#links.add(name);
    if (kind === "file" || kind === "hard link") this.#files++;
    else if (kind === "directory") this.#directories++;
    else if (kind === "symbolic link") this.#symbolicLinks++;
    this.#contentBytes += kind === "file" ? sizeBytes : 0;
    this.#takeTop(`/${name}`);
  }

  result(): FilesScan {
    const more = this.#objectionCount - this.#objections.length;
    return {
      counts: { files: this.#files, directories: this.#directories, symbolicLinks: this.#symbolicLinks },
      contentBytes: this.#contentBytes,
      tops: this.#tops,
      objections: more > 0 ? [...this.#objections, `and ${more} more`] : this.#objections,
    };
  }

  #object(why: string): void {
    this.#objectionCount++;
    if (this.#objections.length < namedEntries) this.#objections.push(why);
  }

  #takeTop(path: string): void {
    const last = this.#tops.at(-1);
    if (last !== undefined && path.startsWith(`${last}/`)) return;
    if (this.#tops.some((top) => path === top || path.startsWith(`${top}/`))) return;
    this.#tops = [...this.#tops.filter((top) => !top.startsWith(`${path}/`)), path];
  }
}
