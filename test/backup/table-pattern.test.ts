import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTablePattern } from "../../src/backup/table-pattern.ts";

describe("a table pattern", () => {
  const cases: readonly (readonly [pattern: string, schema: string | null, name: string])[] = [
    ["job", null, "^(job)$"],
    ["Job", null, "^(job)$"],
    ['"Job"', null, "^(Job)$"],
    ["audit_*", null, "^(audit_.*)$"],
    ["t?", null, "^(t.)$"],
    ["public.job", "^(public)$", "^(job)$"],
    ["*.job", "^(.*)$", "^(job)$"],
    ["mydb.public.job", "^(public)$", "^(job)$"],
    ['"a.b"', null, "^(a\\.b)$"],
    ['"say ""hi"""', null, '^(say "hi")$'],
    ["cost$", null, "^(cost\\$)$"],
    ["[ab]x|y", null, "^([ab]x|y)$"],
    ['"[ab]*"', null, "^(\\[ab\\]\\*)$"],
    ["", null, "^()$"],
  ];
  for (const [pattern, schema, name] of cases) {
    it(`${JSON.stringify(pattern)} means ${schema === null ? "" : `${schema} . `}${name}`, () => {
      assert.deepEqual(parseTablePattern(pattern), { schema, name });
    });
  }
});
