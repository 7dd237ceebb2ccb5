import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { normalizeExpression } from "../../src/backup/normalize-expression.ts";

describe("a normalized expression", () => {
  for (const [one, other] of [
    [
      `CHECK (((name)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying(20)])::text[])))`,
      `CHECK (((name)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying(20))::text])))`,
    ],
    ["SELECT a,\n    b\n   FROM t", "SELECT a, b FROM t"],
    [`('x'::"Sch ema"."My type"[] || y)`, "'x' || y"],
    ["(at > '2024-01-01 00:00:00'::timestamp(3) without time zone)", "at > '2024-01-01 00:00:00'"],
    ["(x)::numeric(10,2) + 1", "x + 1"],
  ] as const) {
    it(`is the same for ${one} and ${other}`, () => {
      assert.equal(normalizeExpression(one), normalizeExpression(other));
    });
  }

  for (const [one, other] of [
    ["x = 'a (b)'", "x = 'a b'"],
    ["x = 'a::text'", "x = 'a'"],
    ["x = 'it''s'", "x = 'its'"],
    [`"a b"`, `"ab"`],
    ["a b", "ab"],
    ["x > 10", "x > 1 0"],
    ["x >= 1", "x > 1"],
    ["näme", "name"],
  ] as const) {
    it(`tells ${one} from ${other}`, () => {
      assert.notEqual(normalizeExpression(one), normalizeExpression(other));
    });
  }
});
