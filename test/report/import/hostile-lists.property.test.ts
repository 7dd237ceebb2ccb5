import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BackupAwarenessError } from "../../../src/contract/errors.ts";
import type { ListingEntry } from "../../../src/report/import/listed-backup.ts";
import type { ListKind } from "../../../src/report/import/read-list.ts";
import { lists, readText } from "./lists.ts";

const runs = 1_000;

/** Entries, or the words of the refusal; anything else that is thrown fails the test. */
async function judge(kind: ListKind, text: string): Promise<{ entries: ListingEntry[] } | { fault: string }> {
  try {
    return { entries: await readText(kind, text) };
  } catch (error) {
    assert.ok(error instanceof BackupAwarenessError && error.code === "IMPORT_FAILED", String(error));
    assert.ok(error.message.length > 5 && error.message.length < 1_000, error.message);
    return { fault: error.message };
  }
}

function successes(outcome: Awaited<ReturnType<typeof judge>>): string[] {
  if ("fault" in outcome) return [];
  return outcome.entries.flatMap((entry) =>
    "backup" in entry && (entry.backup.status === "completed" || entry.backup.status === "unknown")
      ? [entry.backup.archive]
      : [],
  );
}

/** Every place of a document: the way to it. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy: unknown = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  const object = copy as Record<string, unknown>;
  object[key] = replaced(object[key], rest, by);
  return copy;
}

for (const kind of Object.keys(lists) as ListKind[]) {
  const document = lists[kind];
  const text = JSON.stringify(document);
  describe(kind, () => {
    test("a list that is cut off anywhere is refused, whatever came before", async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat({ max: text.length - 1 }), async (length) => {
          assert.ok("fault" in (await judge(kind, text.slice(0, length))));
        }),
        { numRuns: runs },
      );
    });

    test("any other JSON is refused or lists nothing", async () => {
      await fc.assert(
        fc.asyncProperty(fc.jsonValue(), async (value) => {
          assert.deepEqual(successes(await judge(kind, JSON.stringify(value))), []);
        }),
        { numRuns: runs },
      );
    });

    test("where a value is replaced by another one, it is refused or lists no backup that was not there", async () => {
      const places = placesOf(document);
      const known = new Set(successes(await judge(kind, text)));
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...places), fc.jsonValue(), async (place, value) => {
          const outcome = await judge(kind, JSON.stringify(replaced(document, place, value)));
          // A name may be any text: what counts is that there are no more of them.
          assert.ok(successes(outcome).length <= known.size + (kind === "archiver" ? 0 : 1));
          if ("entries" in outcome)
            for (const entry of outcome.entries)
              if ("backup" in entry) assert.ok(!Number.isNaN(entry.backup.doneAt.getTime()));
        }),
        { numRuns: runs },
      );
    });

    test("bytes thrown in are refused or change no more than a text", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: text.length }),
          fc.string({ unit: "binary", minLength: 1, maxLength: 4 }),
          async (at, noise) => {
            await judge(kind, text.slice(0, at) + noise + text.slice(at));
          },
        ),
        { numRuns: runs },
      );
    });
  });
}
