import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type JsonPiece, parseLossless, splitJson } from "../../../src/report/import/split-json.ts";

async function* inChunks(text: string, lengths: readonly number[]): AsyncGenerator<string> {
  let from = 0;
  for (let turn = 0; from < text.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    yield text.slice(from, from + length);
    from += length;
    await Promise.resolve();
  }
}

async function split(text: string, lengths: readonly number[], depth: number): Promise<JsonPiece[]> {
  const pieces: JsonPiece[] = [];
  for await (const piece of splitJson(inChunks(text, lengths), (path) => path.length === depth)) pieces.push(piece);
  return pieces;
}

const chunking = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });
const spacing = fc.constantFrom(undefined, 1, 4);

test("the members of a list, however it comes in pieces, are those that a parser of the whole finds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), chunking, spacing, async (list, lengths, space) => {
      const expected = parseLossless(JSON.stringify(list)) as unknown[];
      const pieces = await split(JSON.stringify(list, null, space), lengths, 0);
      assert.deepEqual(
        pieces.filter(({ kind }) => kind === "item").map(({ value }) => value),
        expected,
      );
      assert.deepEqual(
        pieces.at(-1)?.value,
        expected.map(() => null),
      );
    }),
    { numRuns: 1_000 },
  );
});

test("members of lists inside, arrays and objects, come with their path; the rest keeps its form", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.string(), fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()))),
      chunking,
      spacing,
      async (document, lengths, space) => {
        const parsed = parseLossless(JSON.stringify(document)) as Record<string, Record<string, unknown>>;
        const found = new Map<string, Map<string, unknown>>();
        for (const piece of await split(JSON.stringify(document, null, space), lengths, 1)) {
          if (piece.kind === "rest") assert.deepEqual(Object.keys(piece.value as object), Object.keys(parsed));
          else {
            const key = String(piece.path[0]);
            if (!found.has(key)) found.set(key, new Map());
            found.get(key)?.set(String(piece.key), piece.value);
          }
        }
        for (const [key, list] of Object.entries(parsed))
          assert.deepEqual([...(found.get(key) ?? [])], Object.entries(list), key);
      },
    ),
    { numRuns: 500 },
  );
});

test("what JSON.parse refuses is refused, and nothing else", async () => {
  const text = fc.oneof(
    fc
      .array(fc.constantFrom("[", "]", "{", "}", '"', ",", ":", "1", " ", "\\", "n", "true", "-", ".", "e"))
      .map((parts) => parts.join("")),
    fc.json().chain((json) => fc.nat({ max: json.length }).map((at) => json.slice(0, at) + json.slice(at + 1))),
  );
  await fc.assert(
    fc.asyncProperty(text, chunking, fc.nat({ max: 2 }), async (json, lengths, depth) => {
      let parses = true;
      try {
        JSON.parse(json);
      } catch {
        parses = false;
      }
      const outcome = split(json, lengths, depth);
      if (parses) await outcome;
      else await assert.rejects(outcome, { code: "IMPORT_FAILED" });
    }),
    { numRuns: 2_000 },
  );
});

test("whole numbers beyond 2^53 keep every digit", () => {
  assert.deepEqual(parseLossless('{"id": 7711951559130706391, "n": 12, "x": 1.5, "y": 1e300}'), {
    id: 7711951559130706391n,
    n: 12,
    x: 1.5,
    y: 1e300,
  });
});
