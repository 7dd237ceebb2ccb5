import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  link,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { selectFiles } from "../../src/backup/file-selection.ts";
import { findTar, packFiles } from "../../src/backup/pack-files.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const run = promisify(execFile);
const signal = new AbortController().signal;
const env = { PATH: process.env["PATH"] };

type Packing = {
  readonly paths: readonly string[];
  readonly exclude?: readonly string[];
  readonly home?: string;
  readonly archiveDirectory?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
};

async function pack(packing: Packing): Promise<{ readonly tar: Buffer; readonly warnings: string[] }> {
  const selection = await selectFiles({ home: "/no-home", archiveDirectory: "/no-archives", ownFiles: [], ...packing });
  const pieces: Buffer[] = [];
  const request = {
    tar: await findTar(env, signal),
    selection,
    exclude: packing.exclude ?? [],
    env: packing.env ?? env,
    silenceLimitMs: 10_000,
    signal,
  };
  const warnings = await packFiles({ ...request, onErrorLine: () => undefined }, async (data) => {
    pieces.push(Buffer.from(data));
  });
  return { tar: Buffer.concat(pieces), warnings };
}

async function unpack(tar: Buffer, directory: string): Promise<void> {
  const file = join(directory, "files.tar");
  await writeFile(file, tar);
  await run("tar", ["-xf", file, "-C", directory]);
}

async function namesIn(tar: Buffer, directory: string): Promise<string[]> {
  const out = join(directory, "listing");
  await mkdir(out);
  await unpack(tar, out);
  const names = await readdir(out, { recursive: true });
  return names.filter((name) => name !== "files.tar").map((name) => `/${name}`);
}

describe("packing files", () => {
  it("keeps names of every kind, links, holes and modes", async (test) => {
    const directory = await realpath(await temporaryDirectory(test));
    const source = join(directory, 'a source with "quotes"\nand a newline');
    await mkdir(source);
    const names = [
      "plain",
      "with blank",
      "new\nline",
      'quo"te',
      "back\\slash",
      "-rf",
      "--exclude=plain",
      "*",
      "[a]",
      "ünï",
      "💣",
      "$(touch x)",
    ];
    for (const name of names) await writeFile(join(source, name), `content of ${name}`);
    await symlink("plain", join(source, "link"));
    await link(join(source, "plain"), join(source, "second name"));
    await writeFile(join(source, "holes"), "x");
    await truncate(join(source, "holes"), 50_000_000);
    await chmod(join(source, "plain"), 0o640);

    const { tar, warnings } = await pack({ paths: [source] });
    assert.ok(tar.length < 1_000_000, "a hole takes no room");
    assert.deepEqual(warnings, []);
    const out = join(directory, "out");
    await mkdir(out);
    await unpack(tar, out);
    const unpacked = join(out, source);
    for (const name of names) assert.equal(await readFile(join(unpacked, name), "utf8"), `content of ${name}`);
    assert.equal(await readlink(join(unpacked, "link")), "plain");
    assert.equal((await stat(join(unpacked, "plain"))).ino, (await stat(join(unpacked, "second name"))).ino);
    assert.equal((await stat(join(unpacked, "holes"))).size, 50_000_000);
    assert.equal((await stat(join(unpacked, "plain"))).mode & 0o777, 0o640);
  });

  it("leaves out the archives and, of our own home, what is dumped or of no use", async (test) => {
    const directory = await realpath(await temporaryDirectory(test));
    const home = join(directory, "home [x]*?");
    for (const name of ["postgres", "backups", "spool", "log", "kept", "kept/backups"])
      await mkdir(join(home, name), { recursive: true });
    for (const name of ["daemon.lock", "config.toml", "postgres/x", "backups/x", "spool/x", "log/x", "kept/backups/x"])
      await writeFile(join(home, name), "x");
    await mkdir(join(directory, "archives"));
    await writeFile(join(directory, "archives", "old.tar.zst"), "x");
    await symlink("archives", join(directory, "link-to-archives"));

    const { tar } = await pack({ paths: [directory], home, archiveDirectory: join(directory, "link-to-archives") });
    const names = (await namesIn(tar, await temporaryDirectory(test))).filter((name) =>
      name.startsWith(`${directory}/`),
    );
    assert.deepEqual(names.map((name) => name.slice(directory.length + 1)).toSorted(), [
      "home [x]*?",
      "home [x]*?/config.toml",
      "home [x]*?/kept",
      "home [x]*?/kept/backups",
      "home [x]*?/kept/backups/x",
      "link-to-archives",
    ]);
  });

  it("leaves out what the administrator's patterns say", async (test) => {
    const directory = await realpath(await temporaryDirectory(test));
    for (const name of ["a.tmp", "b.txt"]) await writeFile(join(directory, name), "x");
    const { tar } = await pack({ paths: [directory], exclude: ["*.tmp"] });
    const names = await namesIn(tar, await temporaryDirectory(test));
    assert.ok(names.includes(join(directory, "b.txt")) && !names.includes(join(directory, "a.tmp")));
  });

  it("takes a pattern that begins with / as meant from the root on", async (test) => {
    const directory = await realpath(await temporaryDirectory(test));
    for (const name of ["cache", "kept"]) await writeFile(join(directory, name), "x");
    const { tar } = await pack({ paths: [directory], exclude: [join(directory, "cache")] });
    const names = await namesIn(tar, await temporaryDirectory(test));
    assert.ok(names.includes(join(directory, "kept")) && !names.includes(join(directory, "cache")));
  });

  for (const pattern of ["cache", "*"]) {
    it(`fails, naming the path, when the pattern ${pattern} leaves out a configured one as a whole`, async (test) => {
      const directory = await realpath(await temporaryDirectory(test));
      const path = join(directory, "cache", "application");
      await mkdir(path, { recursive: true });
      await writeFile(join(directory, "kept"), "x");
      await assert.rejects(
        pack({ paths: [join(directory, "kept"), path], exclude: [pattern] }),
        /the path ".*" of the scope files is left out as a whole by a pattern/,
      );
    });
  }

  it("heeds no TAR_OPTIONS, which would leave out what the settings name", async (test) => {
    const directory = await realpath(await temporaryDirectory(test));
    await writeFile(join(directory, "data"), "x");
    const { tar } = await pack({ paths: [directory], env: { ...env, TAR_OPTIONS: "--exclude=data" } });
    const names = await namesIn(tar, await temporaryDirectory(test));
    assert.ok(names.includes(join(directory, "data")));
  });

  it("packs every link of a chain of symbolic links", async (test) => {
    const directory = await realpath(await temporaryDirectory(test));
    await mkdir(join(directory, "real"));
    await mkdir(join(directory, "aside"));
    await writeFile(join(directory, "real", "data"), "x");
    await symlink("../real", join(directory, "aside", "middle"));
    await symlink("aside/middle", join(directory, "link"));
    const { tar } = await pack({ paths: [join(directory, "link")] });
    const out = await temporaryDirectory(test);
    await unpack(tar, out);
    assert.equal(await readFile(join(out, directory, "link", "data"), "utf8"), "x");
  });

  it("follows a configured path that is a symbolic link, since a link alone backs up nothing", async (test) => {
    const directory = await realpath(await temporaryDirectory(test));
    await mkdir(join(directory, "real"));
    await writeFile(join(directory, "real", "data"), "x");
    await symlink("real", join(directory, "link"));
    const { tar } = await pack({ paths: [join(directory, "link")] });
    const names = await namesIn(tar, await temporaryDirectory(test));
    assert.ok(names.includes(join(directory, "link")) && names.includes(join(directory, "real", "data")));
  });

  it("skips sockets with a warning", async (test) => {
    const directory = await temporaryDirectory(test);
    const server = createServer().listen(join(directory, "socket"));
    await once(server, "listening");
    test.after(() => server.close());
    const { warnings } = await pack({ paths: [directory] });
    assert.match(warnings.join("\n"), /socket ignored/);
  });

  it("warns of a file that changes while it is read", async (test) => {
    const directory = await temporaryDirectory(test);
    const file = join(directory, "growing");
    await writeFile(file, Buffer.alloc(30_000_000, 1));
    const selection = await selectFiles({
      paths: [file],
      home: "/no-home",
      archiveDirectory: "/no-archives",
      ownFiles: [],
    });
    const request = { tar: await findTar(env, signal), selection, exclude: [], env, silenceLimitMs: 10_000, signal };
    let hasChanged = false;
    const warnings = await packFiles({ ...request, onErrorLine: () => undefined }, async () => {
      if (hasChanged) return;
      hasChanged = true;
      await truncate(file, 1_000_000);
    });
    assert.match(warnings.join("\n"), /growing: (File shrank|file changed)/);
  });

  it("fails, naming the path, when a configured one does not exist", async () => {
    await assert.rejects(pack({ paths: ["/etc", "/no/such path"] }), {
      code: "BACKUP_FAILED",
      message: 'the path "/no/such path" of the scope files cannot be read: no such file or directory',
    });
  });

  it("fails when the archives' own directory is what is to be packed", async (test) => {
    const directory = await temporaryDirectory(test);
    await assert.rejects(
      pack({ paths: [directory], archiveDirectory: directory }),
      /is the directory of the archives itself/,
    );
  });

  it("fails, with what tar said, when tar is killed", async (test) => {
    const directory = await temporaryDirectory(test);
    const program = join(directory, "tar");
    await writeFile(program, "#!/bin/sh\necho begun\nkill -KILL $$\n", { mode: 0o755 });
    const selection = { paths: ["/etc"], leftOut: [] };
    const request = {
      tar: { program, isGnu: true, version: "" },
      selection,
      exclude: [],
      env,
      silenceLimitMs: 10_000,
      signal,
    };
    await assert.rejects(
      packFiles({ ...request, onErrorLine: () => undefined }, async () => undefined),
      /tar was killed by SIGKILL/,
    );
  });

  it(
    "fails, naming the file, when one cannot be read",
    { skip: process.getuid?.() !== 0 && "needs root, to become another" },
    async (test) => {
      const directory = await temporaryDirectory(test);
      await chmod(directory, 0o755);
      await writeFile(join(directory, "secret\nfile"), "x", { mode: 0o600 });
      // setpriv ships with util-linux; root itself can read everything.
      const program = join(directory, "tar");
      await writeFile(program, '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups tar "$@"\n', {
        mode: 0o755,
      });
      const selection = { paths: [directory], leftOut: [] };
      const request = {
        tar: { program, isGnu: true, version: "" },
        selection,
        exclude: [],
        env,
        silenceLimitMs: 10_000,
        signal,
      };
      await assert.rejects(
        packFiles({ ...request, onErrorLine: () => undefined }, async () => undefined),
        (error: Error) => {
          assert.match(error.message, /tar could not read everything: .*secret\\nfile: Cannot open: Permission denied/);
          return true;
        },
      );
    },
  );
});
