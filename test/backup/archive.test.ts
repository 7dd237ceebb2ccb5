import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { ArchiveWriter, frameContentBytes } from "../../src/backup/archive-writer.ts";
import { openForReadBack } from "../../src/backup/direct-read.ts";
import { readBack } from "../../src/backup/read-back.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const noted = new Date("2026-11-24T01:30:00Z");

/** Larger than several frames, partly compressible. */
function someData(bytes: number): Buffer {
  return Buffer.concat([
    randomBytes(Math.floor(bytes / 3)),
    Buffer.alloc(bytes - Math.floor(bytes / 3), "a little text "),
  ]);
}

async function writeArchive(test: TestContext): Promise<string> {
  const path = join(await temporaryDirectory(test), "archive");
  const file = await open(path, "wx+", 0o600);
  const writer = new ArchiveWriter(file, path);
  await writer.beginMember("./db/engine_backup.db");
  const data = someData(3 * frameContentBytes + 777);
  for (let at = 0; at < data.length; at += 65_536) await writer.write(data.subarray(at, at + 65_536));
  await writer.endMember(noted);
  await writer.beginMember("./files");
  await writer.write(someData(2 * frameContentBytes));
  await writer.dropMember();
  await writer.addMember("./empty", "", noted);
  await writer.addMember("./version", "1\n", noted);
  const sizeBytes = await writer.finish(noted);
  await file.close();
  assert.equal((await readFile(path)).length, sizeBytes);
  return path;
}

async function readWhole(path: string) {
  const reading = await openForReadBack(path);
  try {
    return await readBack(reading.chunks);
  } finally {
    await reading.close();
  }
}

async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

describe("an archive", () => {
  it("is read back as it was written, a dropped member excepted", async (test) => {
    const members = await readWhole(await writeArchive(test));
    assert.deepEqual(
      members.map(({ name, sizeBytes }) => [name, sizeBytes]),
      [
        ["./db/engine_backup.db", 3 * frameContentBytes + 777],
        ["./empty", 0],
        ["./version", 2],
      ],
    );
  });

  it("is read back whatever the pieces are in which it comes", async (test) => {
    const bytes = await readFile(await writeArchive(test));
    for (const pieceBytes of [1000, 8191, bytes.length])
      assert.equal((await readBack(inPieces(bytes, pieceBytes))).length, 3);
  });

  it("is found damaged when a single bit has changed, wherever", async (test) => {
    const path = await writeArchive(test);
    const whole = await readFile(path);
    // Everything but the index, which is a convenience and no content.
    const end = whole.lastIndexOf(Buffer.from([0x50, 0x2a, 0x4d, 0x18]));
    const places = [...Array.from({ length: 40 }, (_, turn) => Math.floor((end * turn) / 40)), end - 1];
    for (const at of places) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await assert.rejects(readBack(inPieces(damaged, 1 << 20)), /damaged/, `byte ${at}`);
    }
  });

  it("is found damaged when it is cut off, wherever", async (test) => {
    const whole = await readFile(await writeArchive(test));
    const index = whole.lastIndexOf(Buffer.from([0x50, 0x2a, 0x4d, 0x18]));
    for (const length of [
      0,
      1,
      100,
      522,
      523,
      Math.floor(whole.length / 2),
      index - 1,
      index - 1034,
      whole.length - 1,
    ]) {
      await assert.rejects(readBack(inPieces(whole.subarray(0, length), 1 << 20)), /damaged/, `${length} bytes`);
    }
  });

  it("is found damaged when a member was exchanged for another that is whole in itself", async (test) => {
    const whole = await readFile(await writeArchive(test));
    const directory = await temporaryDirectory(test);
    const path = join(directory, "other");
    const file = await open(path, "wx+");
    const writer = new ArchiveWriter(file, path);
    const other = await writer.addMember("./version", "2\n", noted);
    await file.close();
    const frame = (await readFile(path)).subarray(0, other.storedBytes);
    const at = whole.indexOf(Buffer.from("./version\0")) - 10;
    const exchanged = Buffer.concat([whole.subarray(0, at), frame, whole.subarray(at + frame.length)]);
    await assert.rejects(readBack(inPieces(exchanged, 1 << 20)), /\.\/version has not the checksum/);
  });

  it("is not one when it is something else", async () => {
    await assert.rejects(readBack(inPieces(Buffer.from("#!/bin/sh\necho no archive\n"), 100)), /damaged/);
  });

  it("says that the file failed, and not the source, when it cannot be written", async (test) => {
    const path = join(await temporaryDirectory(test), "archive");
    await writeFile(path, "");
    const file = await open(path, "r");
    const writer = new ArchiveWriter(file, path);
    await assert.rejects(writer.beginMember("./files"), /cannot write the archive/);
    assert.equal(writer.isBroken, true);
    await file.close();
  });
});
