import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, link, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { testEngine, type TestEngine } from "./restored-engine.ts";

const run = promisify(execFile);

/** What engine-backup leaves beside the files, by the beginnings of its names. */
async function besides(engine: TestEngine): Promise<string[]> {
  return (await readdir(engine.directory)).filter((name) => name.startsWith(".engine-backup-restore-"));
}

async function makeFiles({ files }: TestEngine): Promise<void> {
  await mkdir(join(files, "sub dir", "empty"), { recursive: true });
  await writeFile(join(files, "sub dir", "new\nline"), "one");
  await chmod(join(files, "sub dir", "new\nline"), 0o640);
  await link(join(files, "sub dir", "new\nline"), join(files, "hard"));
  await symlink("sub dir/new\nline", join(files, "soft"));
  await symlink("/nowhere", join(files, "dangling"));
}

describe("the files' restore", { concurrency: 1 }, () => {
  it("brings back names, modes, links and content, removes what came later, and keeps what was there", async (test) => {
    const engine = await testEngine(test, "select 1");
    await makeFiles(engine);
    const archive = await engine.backUp("--scope=files");
    await writeFile(join(engine.files, "hard"), "changed");
    await writeFile(join(engine.files, "later"), "");
    await rm(join(engine.files, "soft"));
    const refused = await engine.restore(`--file=${archive}`);
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, /there is something already in .*\n.*hint: add --force/);
    assert.equal(await readFile(join(engine.files, "hard"), "utf8"), "changed");

    const { code, stdout, stderr } = await engine.restore(`--file=${archive}`, "--force");
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /files +restored and compared: 3 files/);
    assert.deepEqual((await readdir(engine.files)).toSorted(), ["a file", "dangling", "hard", "soft", "sub dir"]);
    assert.equal(await readFile(join(engine.files, "soft"), "utf8"), "one");
    assert.equal(await readlink(join(engine.files, "dangling")), "/nowhere");
    const [one, other] = [
      await lstat(join(engine.files, "hard")),
      await lstat(join(engine.files, "sub dir", "new\nline")),
    ];
    assert.deepEqual([one.ino === other.ino, one.mode & 0o777], [true, 0o640]);
    assert.deepEqual(await readdir(join(engine.files, "sub dir", "empty")), []);
    const [kept = ""] = await besides(engine);
    const former = join(engine.directory, kept, "former", engine.files);
    assert.ok(stdout.includes(join(engine.directory, kept, "former")));
    assert.equal(await readFile(join(former, "hard"), "utf8"), "changed");
    assert.ok((await readdir(former)).includes("later"));

    await rm(engine.files, { recursive: true });
    const again = await engine.restore(`--file=${archive}`);
    assert.equal(again.code, 0, again.stdout + again.stderr);
    assert.equal(await readFile(join(engine.files, "a file"), "utf8"), "its content");
    assert.deepEqual(await besides(engine), [kept]);
  });

  it("refuses names that lead out, devices, and paths that the settings do not name", async (test) => {
    const engine = await testEngine(test, "select 1");
    const make = join(engine.directory, "make");
    await mkdir(make);
    await writeFile(join(make, "evil"), "evil");
    await symlink("/etc", join(make, "link"));
    const archive = join(engine.directory, "hostile.tar.gz");
    for (const [words, expected] of [
      [["--absolute-names", "--transform=s,^evil,../../evil,", "evil"], /leads out of its place/],
      [["--absolute-names", "--transform=s,^evil,/tmp/evil,", "evil"], /leads out of its place/],
      [["--transform=s,^evil,link/evil,", "link", "evil"], /goes through the symbolic link "link"/],
      [["--transform=s,^evil,srv/other/evil,", "evil"], /do not name \/srv\/other\/evil/],
    ] as const) {
      await run("tar", ["-c", "-f", join(make, "files"), "-C", make, ...words]);
      await run("sh", ["-c", 'sha256sum ./files > sha256sum && tar -czf "$1" ./files ./sha256sum', "sh", archive], {
        cwd: make,
      });
      const { code, stdout, stderr } = await engine.restore(`--file=${archive}`, "--scope=files");
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout, expected);
    }
    assert.deepEqual(await readdir(engine.files), ["a file"]);
    assert.deepEqual(await besides(engine), []);
  });

  it("killed at any moment leaves, after the next run at the latest, the old files or the new ones, whole", async (test) => {
    const engine = await testEngine(test, "select 1");
    for (let i = 0; i < 200; i++) await writeFile(join(engine.files, `f${i}`), "new");
    const archive = await engine.backUp("--scope=files");
    for (let i = 0; i < 200; i++) await writeFile(join(engine.files, `f${i}`), "old");
    for (let round = 0; round < 4; round++) {
      const { child, outcome } = engine.startRestore(`--file=${archive}`, "--force", "--drop-former", "--no-report");
      await delay(300 + Math.random() * 900);
      child.kill("SIGKILL");
      await outcome();
      // The next run clears up, though it is refused.
      const contents = new Set<string>();
      const names = await readdir(engine.files).catch(() => []);
      for (const name of names)
        if (name.startsWith("f")) contents.add(await readFile(join(engine.files, name), "utf8"));
      assert.ok(contents.size <= 1, "never a mixture");
    }
    const { code, stdout, stderr } = await engine.restore(`--file=${archive}`, "--force", "--drop-former");
    assert.equal(code, 0, stdout + stderr);
    assert.equal(await readFile(join(engine.files, "f7"), "utf8"), "new");
    assert.deepEqual(await besides(engine), []);
    assert.deepEqual(await readdir(engine.temporary), []);
  });
});
