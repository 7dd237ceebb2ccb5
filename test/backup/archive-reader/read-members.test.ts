import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { describeArchive } from "../../../src/backup/archive-reader/describe-archive.ts";
import { openDump } from "../../../src/backup/archive-reader/inner-content.ts";
import {
  memberName,
  openArchive,
  readMember,
  readMembers,
  type ReadingMeans,
} from "../../../src/backup/archive-reader/open-archive.ts";
import { ArchiveWriter, frameContentBytes } from "../../../src/backup/archive-writer.ts";
import { BackupAwarenessError } from "../../../src/contract/errors.ts";
import { encodeTarHeader } from "../../../src/backup/tar-header.ts";
import { makeOvirtArchive, type OvirtCompressor } from "../ovirt-archive.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const means: ReadingMeans = { env: { PATH: process.env["PATH"] }, signal: new AbortController().signal };
const noted = new Date("2026-11-24T01:30:00Z");

async function contentOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of chunks) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

async function readAll(path: string) {
  const members: { name: string; kind: string; sizeBytes: number; content: Buffer }[] = [];
  for await (const entry of readMembers(await openArchive(path), means)) {
    const { kind, sizeBytes } = entry;
    members.push({ name: memberName(entry), kind, sizeBytes, content: await contentOf(entry.content) });
  }
  return members;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    assert.ok(error instanceof BackupAwarenessError, String(error));
    return error.code;
  }
}

/** A plain dump, a directory of files with a hole, and an archive of both as oVirt's script would make it. */
async function ovirtArchive(test: TestContext, compressor: OvirtCompressor) {
  const directory = await temporaryDirectory(test);
  const files = join(directory, "etc");
  await mkdir(files);
  const dump = join(directory, "dump");
  const text = `--\n-- PostgreSQL database dump\n--\n${randomBytes(300_000).toString("hex")}\n`;
  await writeFile(dump, text);
  await writeFile(join(files, "engine.conf"), "key=value\n");
  const path = await makeOvirtArchive(directory, {
    archiveCompressor: compressor,
    files: { directory: files, compressor },
    dumps: { engine_backup: { path: dump, compressor, format: "plain" } },
    checksums: compressor === "xz" ? "md5sum" : "sha256sum",
  });
  return { path, text, directory };
}

describe("an archive of oVirt's engine-backup", () => {
  for (const compressor of ["gzip", "xz", "bzip2", "None"] as const) {
    it(`is read, whatever it is compressed with: ${compressor}`, async (test) => {
      const { path, text } = await ovirtArchive(test, compressor);
      const archive = await openArchive(path);
      assert.deepEqual([archive.compression, archive.isOwn], [compressor.toLowerCase(), false]);
      const described = await describeArchive(archive, means);
      assert.deepEqual(
        [described.manifest, described.programVersion, described.osVersion, described.config.get("DB_DUMP_FORMAT")],
        [null, "4.5.6", "centos8", "plain"],
      );
      assert.equal(described.checksums?.algorithm, compressor === "xz" ? "md5" : "sha256");
      assert.deepEqual(described.members.flatMap(({ scope }) => scope ?? []).toSorted(), ["db", "files"]);
      const dump = await openDump(readMember(archive, "./db/engine_backup.db", means), means);
      assert.deepEqual([dump.format, dump.compression], ["plain", compressor.toLowerCase()]);
      assert.equal((await contentOf(dump.chunks)).toString("utf8"), text);
    });

    it(`says that it is cut off, wherever: ${compressor}`, async (test) => {
      const { path } = await ovirtArchive(test, compressor);
      const whole = await readFile(path);
      // The end of an uncompressed tar is zeros: so many of them may go.
      const last = compressor === "None" ? whole.length - 10_240 : whole.length - 1;
      for (const length of [0, 700, Math.floor(whole.length / 2), last]) {
        await truncate(path, 0);
        await writeFile(path, whole.subarray(0, length));
        assert.equal(await codeOf(readAll(path)), "ARCHIVE_TRUNCATED", `${length} bytes of ${whole.length}`);
      }
    });

    if (compressor === "None") continue;
    it(`says that it is damaged, where a byte of it has changed: ${compressor}`, async (test) => {
      const { path } = await ovirtArchive(test, compressor);
      const whole = await readFile(path);
      for (const part of [0.2, 0.5, 0.8]) {
        const damaged = Buffer.from(whole);
        const at = Math.floor(part * whole.length);
        damaged[at] = (damaged[at] ?? 0) ^ 0x10;
        await writeFile(path, damaged);
        assert.equal(await codeOf(readAll(path)), "ARCHIVE_DAMAGED", `byte ${at} of ${whole.length}`);
      }
    });
  }

  it("is read with its sparse members, whose holes are zeros", async (test) => {
    const directory = await temporaryDirectory(test);
    const sparse = join(directory, "dump");
    const file = await open(sparse, "w");
    // More pieces than a header holds, and more than one block of them.
    for (let at = 0; at < 40; at++) await file.write(Buffer.from(`piece ${at}`), 0, null, at * 1_000_000);
    await file.truncate(50_000_000);
    await file.close();
    const path = join(directory, "engine.backup");
    execFileSync("tar", ["-C", directory, "-cpSf", path, "./dump"]);
    const [member] = await readAll(path);
    assert.equal(member?.sizeBytes, 50_000_000);
    assert.ok((await readFile(path)).length < 1_000_000, "tar has kept the holes");
    assert.ok(member.content.equals(await readFile(sparse)));
  });

  it("is read with long names, in GNU's form and in pax's", async (test) => {
    const directory = await temporaryDirectory(test);
    const name = `${"long".repeat(40)}\nwith a newline`;
    await writeFile(join(directory, name), "content");
    for (const format of ["gnu", "posix"]) {
      const path = join(directory, `${format}.tar`);
      execFileSync("tar", ["-C", directory, `--format=${format}`, "-cf", path, `./${name}`]);
      const [member] = await readAll(path);
      assert.deepEqual([member?.name, member?.content.toString("utf8")], [`./${name}`, "content"]);
    }
  });

  it("may be compressed by zstd, in frames of any size, one after the other", async (test) => {
    const { directory } = await ovirtArchive(test, "None");
    const tar = await readFile(join(directory, "engine.backup"));
    const path = join(directory, "again.zst");
    const half = Math.floor(tar.length / 2);
    const skippable = Buffer.from([0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const frames = [zstdCompressSync(tar.subarray(0, half)), skippable, zstdCompressSync(tar.subarray(half))];
    await writeFile(path, Buffer.concat(frames));
    assert.ok((await readAll(path)).some(({ name }) => name === "./db/engine_backup.db"));
    const cut = Buffer.concat(frames).subarray(0, -5);
    await writeFile(path, cut);
    assert.equal(await codeOf(readAll(path)), "ARCHIVE_TRUNCATED");
  });
});

describe("an archive of ours", () => {
  it("gives one member by its index, without reading the others", async (test) => {
    const path = join(await temporaryDirectory(test), "archive");
    const file = await open(path, "wx+");
    const writer = new ArchiveWriter(file, path);
    await writer.beginMember("./files");
    for (let turn = 0; turn < 8; turn++) await writer.write(randomBytes(frameContentBytes));
    await writer.endMember(noted);
    await writer.addMember("./version", "1.2.3\n", noted);
    await writer.finish(noted);
    writer.close();
    await file.close();
    let readBytes = 0;
    const counting = { ...means, onBytes: (chunk: Buffer) => (readBytes += chunk.length) };
    const archive = await openArchive(path);
    assert.equal((await contentOf(readMember(archive, "./version", counting))).toString(), "1.2.3\n");
    assert.ok(readBytes < 2000, `${readBytes} bytes read`);
    assert.equal(await codeOf(contentOf(readMember(archive, "./manifest.json", means))), "ARCHIVE_INCOMPLETE");
  });
});

describe("a file that means harm", () => {
  it("is foreign when it is something else, compressed or not", async (test) => {
    const path = join(await temporaryDirectory(test), "file");
    await writeFile(path, "#!/bin/sh\necho no archive\n");
    assert.equal(await codeOf(openArchive(path)), "ARCHIVE_FOREIGN");
    await writeFile(path, zstdCompressSync(randomBytes(10_000)));
    assert.equal(await codeOf(readAll(path)), "ARCHIVE_FOREIGN");
    assert.equal(await codeOf(openArchive("/nonexistent/file")), "ARCHIVE_UNREADABLE");
    assert.equal(await codeOf(openArchive("/")), "ARCHIVE_UNREADABLE");
  });

  it("is foreign when it is a tar of other things", async (test) => {
    const directory = await temporaryDirectory(test);
    await writeFile(join(directory, "other"), "content");
    execFileSync("tar", ["-C", directory, "-czf", join(directory, "a.tgz"), "./other"]);
    const archive = await openArchive(join(directory, "a.tgz"));
    assert.equal(await codeOf(describeArchive(archive, means)), "ARCHIVE_FOREIGN");
  });

  it("does not fill the memory: a bomb in any compression is read in pieces", async (test) => {
    const directory = await temporaryDirectory(test);
    const bytes = 600_000_000;
    await writeFile(join(directory, "zeros"), "");
    await truncate(join(directory, "zeros"), bytes);
    for (const option of ["--gzip", "--zstd"]) {
      const path = join(directory, `bomb${option}`);
      execFileSync("tar", ["-C", directory, option, "-cf", path, "./zeros"]);
      const before = process.memoryUsage().rss;
      let peak = before;
      let read = 0;
      for await (const { content } of readMembers(await openArchive(path), means)) {
        for await (const piece of content) {
          read += piece.length;
          peak = Math.max(peak, process.memoryUsage().rss);
        }
      }
      assert.equal(read, bytes);
      assert.ok(peak - before < 120_000_000, `${option}: ${peak - before} bytes more`);
    }
  });

  it("does not fill the memory with a frame that claims to be one of ours", async (test) => {
    const path = join(await temporaryDirectory(test), "archive");
    const file = await open(path, "wx+");
    const writer = new ArchiveWriter(file, path);
    await writer.addMember("./version", "1\n", noted);
    writer.close();
    // A frame without its content's size, of 3000 blocks that each repeat a byte 128 KiB times.
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]);
    const block = (last: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUIntLE(((128 * 1024) << 3) | (1 << 1) | last, 0, 3);
      return bytes;
    };
    const frame = Buffer.concat([header, ...Array.from({ length: 3000 }, (_, at) => block(at === 2999 ? 1 : 0))]);
    const { size } = await file.stat();
    await file.write(frame, 0, frame.length, size);
    await file.close();
    const before = process.memoryUsage().rss;
    assert.equal(await codeOf(readAll(path)), "ARCHIVE_DAMAGED");
    assert.ok(process.memoryUsage().rss - before < 100_000_000);
  });

  it("cannot claim sizes that no file has", async (test) => {
    const path = join(await temporaryDirectory(test), "absurd.tar");
    for (const sizeBytes of [2 ** 50 + 1, Number.MAX_SAFE_INTEGER]) {
      await writeFile(path, encodeTarHeader({ name: "./files", sizeBytes, modifiedAt: noted }));
      assert.equal(await codeOf(readAll(path)), "ARCHIVE_DAMAGED");
    }
  });

  it("cannot make anybody follow a link: it is told as one", async (test) => {
    const directory = await temporaryDirectory(test);
    await symlink("/etc/passwd", join(directory, "files"));
    const path = join(directory, "links.tar");
    execFileSync("tar", ["-C", directory, "-cf", path, "./files"]);
    const [member] = await readAll(path);
    assert.deepEqual([member?.kind, member?.content.length], ["symbolic link", 0]);
  });
});
