import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeTarBlock, encodeTarHeader, tarBlockBytes, tarPaddingBytes } from "../../src/backup/tar-header.ts";

const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 100 })
  .filter((text) => !text.includes("\0") && Buffer.byteLength(text) <= 100 && Buffer.from(text).toString() === text);

describe("a tar header", () => {
  it("gives back name, size and time, whatever they are", () => {
    fc.assert(
      fc.property(
        name,
        fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(8 ** 11 - 1, 8 ** 11, 8 ** 11 + 1)),
        fc.date({ min: new Date(0), max: new Date("2200-01-01"), noInvalidDate: true }),
        (memberName, sizeBytes, date) => {
          const modifiedAt = new Date(Math.floor(date.getTime() / 1000) * 1000);
          const block = encodeTarHeader({ name: memberName, sizeBytes, modifiedAt });
          assert.equal(block.length, tarBlockBytes);
          assert.deepEqual(decodeTarBlock(block), { name: memberName, sizeBytes, modifiedAt, type: "0", bytes: block });
        },
      ),
    );
  });

  it("is refused when any byte of it has changed", () => {
    const block = encodeTarHeader({ name: "./files", sizeBytes: 12_345, modifiedAt: new Date(1e12) });
    for (let at = 0; at < tarBlockBytes; at++) {
      const damaged = Buffer.from(block);
      damaged[at] = (damaged[at] ?? 0) ^ 0x01;
      // The checksum's own last byte is a blank that nobody reads.
      if (at >= 148 && at < 156) continue;
      assert.throws(() => decodeTarBlock(damaged), /damaged/, `byte ${at}`);
    }
  });

  it("refuses names that it cannot hold", () => {
    for (const bad of ["", "a\0b", "x".repeat(101)]) {
      assert.throws(() => encodeTarHeader({ name: bad, sizeBytes: 0, modifiedAt: new Date(0) }), RangeError);
    }
  });

  it("is followed by data that is padded to whole blocks", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (sizeBytes) => {
        const padding = tarPaddingBytes(sizeBytes);
        assert.ok(padding >= 0 && padding < tarBlockBytes);
        assert.equal((BigInt(sizeBytes) + BigInt(padding)) % BigInt(tarBlockBytes), 0n);
      }),
    );
  });
});
