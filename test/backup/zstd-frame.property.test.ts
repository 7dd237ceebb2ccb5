import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { measureFrame, rawFrame, skippableFrame } from "../../src/backup/zstd-frame.ts";

const content = fc.oneof(
  fc.uint8Array({ maxLength: 3000 }),
  fc.tuple(fc.nat(255), fc.nat(300_000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
);

describe("Zstandard frames", () => {
  it("a raw frame's size depends on its content's size alone, and a decompressor gives the content back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 256, maxLength: 65_791 }), (bytes) => {
        const frame = rawFrame(Buffer.from(bytes));
        assert.equal(frame.length, bytes.length + 10);
        assert.deepEqual(zstdDecompressSync(frame), Buffer.from(bytes));
      }),
    );
  });

  it("are measured as the compressor made them, with and without checksum, one behind the other", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(content, fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 5 }), (parts) => {
        const frames = parts.map(([bytes, hasChecksum, isSkippable]) => {
          if (isSkippable) return skippableFrame(Buffer.from(bytes));
          return zstdCompressSync(bytes, {
            params: { [constants.ZSTD_c_checksumFlag]: Number(hasChecksum) },
            pledgedSrcSize: bytes.length,
          });
        });
        const all = Buffer.concat(frames);
        let at = 0;
        for (const [index, frame] of frames.entries()) {
          const extent = measureFrame(all, at);
          assert.equal(extent?.frameBytes, frame.length);
          assert.equal(extent.isSkippable, parts[index]![2]);
          if (!extent.isSkippable) assert.equal(extent.contentBytes, parts[index]![0].length);
          at += frame.length;
        }
        assert.equal(at, all.length);
      }),
    );
  });

  it("that are cut off anywhere are seen to be", () => {
    const frame = zstdCompressSync(Buffer.from("nothing lasts".repeat(9)), {
      params: { [constants.ZSTD_c_checksumFlag]: 1 },
    });
    for (let length = 0; length < frame.length; length++)
      assert.equal(measureFrame(frame.subarray(0, length), 0), null);
  });

  it("are told from what is none", () => {
    assert.throws(() => measureFrame(Buffer.from("PGDMP and more of it"), 0), /damaged/);
  });
});
