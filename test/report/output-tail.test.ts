import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OutputTail } from "../../src/report/output-tail.ts";

test("keeps the last bytes however they came, as text without NUL", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 200 }), (chunks) => {
      const tail = new OutputTail(100);
      for (const chunk of chunks) tail.add(Buffer.from(chunk));
      const all = Buffer.concat(chunks);
      const text = tail.text();
      assert.ok(!text.includes("\0"));
      assert.ok(text.isWellFormed());
      if (all.length < 100) assert.equal(text, new TextDecoder().decode(all).replaceAll("\0", "\u{FFFD}").trimEnd());
      assert.equal(tail.text(), text);
    }),
  );
});

test("never begins within a character", () => {
  const tail = new OutputTail(10);
  tail.add(Buffer.from("ääääääää"));
  assert.equal(tail.text(), "äääää");
  const odd = new OutputTail(9);
  odd.add(Buffer.from("ääääääää"));
  assert.equal(odd.text(), "ääää");
});
