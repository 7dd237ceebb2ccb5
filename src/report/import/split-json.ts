import { listingError } from "./listed-backup.ts";

/** Where a value stands: the keys and indexes that lead to it. */
export type JsonPath = readonly (string | number)[];

/** A member of a list, or, at the end, all the rest of the document, in which each such member is null. */
export type JsonPiece =
  | { readonly kind: "item"; readonly path: JsonPath; readonly key: string | number; readonly value: unknown }
  | { readonly kind: "rest"; readonly value: unknown };

/** Whether an array or object is such a list, by its path and the bracket that opens it. */
export type IsList = (path: JsonPath, opener: "[" | "{") => boolean;

type Container = { readonly opener: "[" | "{"; key: string | number; readonly isList: boolean };

/** More than any tool writes of one backup. */
const longestItemChars = 4 * 1024 * 1024;
const longestRestChars = 32 * 1024 * 1024;
const deepest = 100;

/**
 * Reads a JSON document piece by piece, in memory for one piece: the members of those arrays and objects that `isList` names by their paths, then
 * the rest. Whole numbers beyond 2^53 become bigint. Throws IMPORT_FAILED for what is no JSON; pieces before the fault have been handed out by then.
 */
export async function* splitJson(chunks: AsyncIterable<string>, isList: IsList): AsyncGenerator<JsonPiece> {
  const splitter = new JsonSplitter(isList);
  for await (const chunk of chunks) yield* splitter.take(chunk);
  yield splitter.end();
}

/** Follows strings and brackets alone; whether what lies between them is JSON, the parser says of each piece and of the rest. */
class JsonSplitter {
  readonly #isList: IsList;
  readonly #containers: Container[] = [];
  #inString = false;
  #escaped = false;
  /** The string that is being read, where it may be a key. */
  #key: string | null = null;
  #expectsKey = false;
  /** The text of the item that is being read; null: none is. */
  #item: string | null = null;
  #itemDepth = 0;
  #rest = "";

  constructor(isList: IsList) {
    this.#isList = isList;
  }

  *take(chunk: string): Generator<JsonPiece> {
    let from = 0;
    /** Hands what was read since to the item or to the rest. */
    const flush = (to: number): void => {
      if (to > from) this.#append(chunk.slice(from, to));
      from = to;
    };
    for (let i = 0; i < chunk.length; i++) {
      const character = chunk[i] ?? "";
      if (this.#inString) {
        if (this.#key !== null) this.#key += character;
        if (this.#escaped) this.#escaped = false;
        else if (character === "\\") this.#escaped = true;
        else if (character === '"') this.#endString();
        continue;
      }
      switch (character) {
        case '"':
          this.#beginItem(i, flush);
          this.#inString = true;
          this.#key = this.#expectsKey && this.#item === null ? '"' : null;
          break;
        case "[":
        case "{":
          this.#beginItem(i, flush);
          this.#open(character);
          break;
        case ",":
          yield* this.#endItem(i, flush);
          this.#next();
          break;
        case "]":
        case "}":
          yield* this.#endItem(i, flush);
          this.#close();
          break;
        case " ":
        case "\n":
        case "\r":
        case "\t":
        case ":":
          break;
        default:
          this.#beginItem(i, flush);
      }
    }
    flush(chunk.length);
  }

  end(): JsonPiece {
    if (this.#containers.length > 0 || this.#inString || this.#item !== null)
      throw listingError("the list is cut off: its JSON has no end");
    return { kind: "rest", value: parseLossless(this.#rest) };
  }

  #append(text: string): void {
    if (this.#item === null) {
      this.#rest += text;
      if (this.#rest.length > longestRestChars) throw listingError("the list is too large to be one");
    } else {
      this.#item += text;
      if (this.#item.length > longestItemChars) throw listingError("one entry of the list is too large to be one");
    }
  }

  #endString(): void {
    this.#inString = false;
    if (this.#key === null) return;
    const container = this.#containers.at(-1);
    if (container !== undefined) container.key = String(parseLossless(this.#key));
    this.#key = null;
    this.#expectsKey = false;
  }

  #open(opener: "[" | "{"): void {
    if (this.#containers.length >= deepest) throw listingError("the list is nested too deeply to be one");
    const isList =
      this.#item === null &&
      this.#isList(
        this.#containers.map(({ key }) => key),
        opener,
      );
    this.#containers.push({ opener, key: opener === "[" ? 0 : "", isList });
    this.#expectsKey = opener === "{";
  }

  #close(): void {
    this.#containers.pop();
    this.#expectsKey = false;
  }

  #next(): void {
    const container = this.#containers.at(-1);
    if (container === undefined) return;
    if (typeof container.key === "number") container.key++;
    this.#expectsKey = container.opener === "{";
  }

  /** A value begins here; it is an item where its container is a list. */
  #beginItem(at: number, flush: (to: number) => void): void {
    const container = this.#containers.at(-1);
    if (this.#item !== null || container?.isList !== true || this.#expectsKey) return;
    flush(at);
    this.#item = "";
    this.#itemDepth = this.#containers.length;
  }

  *#endItem(at: number, flush: (to: number) => void): Generator<JsonPiece> {
    if (this.#item === null || this.#containers.length !== this.#itemDepth) return;
    flush(at);
    const value = parseLossless(this.#item);
    this.#item = null;
    this.#append("null");
    const path = this.#containers.slice(0, -1).map(({ key }) => key);
    yield { kind: "item", path, key: this.#containers.at(-1)?.key ?? 0, value };
  }
}

/** JSON.parse, but whole numbers that a double cannot hold become bigint. Throws IMPORT_FAILED. */
export function parseLossless(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
      typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
        ? BigInt(context?.source ?? 0)
        : value,
    );
  } catch (error) {
    throw listingError(
      `the list is no JSON: ${error instanceof Error ? error.message : String(error)}`,
      undefined,
      error,
    );
  }
}
