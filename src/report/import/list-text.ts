import { listingError } from "./listed-backup.ts";

/** How much a tool may say before its list begins. */
const longestTalkChars = 262_144;
/** A line with which a JSON document begins. `[0:12] 50%` is talk. */
const documentBegins = /^\s*(?:\{|\[\s*(?:$|[\]{["])|null\s*$)/;

/** The bytes as text. Throws IMPORT_FAILED for what is no UTF-8. */
export async function* decodeText(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw listingError("the list is no UTF-8", undefined, error);
  }
}

/**
 * The text from the line on with which a JSON document begins: tools print warnings before it. Throws IMPORT_FAILED where none begins, quoting
 * what came instead.
 */
export async function* fromDocument(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let pending: string | null = "";
  let talk = "";
  for await (const chunk of chunks) {
    if (pending === null) {
      yield chunk;
      continue;
    }
    pending += chunk;
    for (;;) {
      const end: number = pending.indexOf("\n");
      // A line that is not over yet may be the document, all of it in one line.
      const line: string = end < 0 ? pending : pending.slice(0, end);
      if (documentBegins.test(line) && (end >= 0 || !/^\s*\[\s*$/.test(line))) {
        yield pending;
        pending = null;
        break;
      }
      if (end < 0) break;
      talk += `${line}\n`;
      if (talk.length > longestTalkChars) throw noDocument(talk);
      pending = pending.slice(end + 1);
    }
  }
  if (pending === null) return;
  if (documentBegins.test(pending)) yield pending;
  else throw noDocument(talk + pending);
}

function noDocument(talk: string): Error {
  const said = talk.trim().split("\n").at(-1)?.trim().slice(0, 300) ?? "";
  return said === ""
    ? listingError("nothing came: an empty list cannot be told from a tool that failed")
    : listingError(`no list came, but: ${said}`);
}
