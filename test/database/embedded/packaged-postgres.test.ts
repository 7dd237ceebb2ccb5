import assert from "node:assert/strict";
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  findPackageDirectory,
  linkLibraries,
  preparePackagedPostgres,
} from "../../../src/database/embedded/packaged-postgres.ts";
import { embeddedPlaces } from "../../../src/database/embedded/places.ts";
import { findServerUser } from "../../../src/database/embedded/server-user.ts";

const packageDirectory = findPackageDirectory();
const asRoot = process.getuid?.() === 0;

async function directoryFor(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "packaged-"));
  await chmod(directory, 0o755);
  context.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A copy of the package as npm leaves it where scripts are not allowed: without links. */
async function unlinkedPackage(directory: string): Promise<string> {
  const copy = join(directory, "package");
  await cp(packageDirectory ?? "", copy, { recursive: true, verbatimSymlinks: true });
  const lib = join(copy, "native", "lib");
  for (const name of await readdir(lib)) {
    if ((await lstat(join(lib, name))).isSymbolicLink()) await rm(join(lib, name));
  }
  return copy;
}

test(
  "links that npm's scripts did not make are made, and made once",
  { skip: packageDirectory === null },
  async (context) => {
    const directory = await directoryFor(context);
    const copy = await unlinkedPackage(directory);
    const places = embeddedPlaces(directory);
    const found = await preparePackagedPostgres(copy, places, null);
    assert.equal(found?.origin, "package");
    assert.equal(found.binDirectory, join(copy, "native", "bin"));
    assert.equal(await linkLibraries(copy), true);
  },
);

test(
  "a package that the server's user cannot reach is copied below home, once",
  { skip: packageDirectory === null || !asRoot },
  async (context) => {
    const directory = await directoryFor(context);
    const closed = join(directory, "closed");
    await mkdir(closed, { mode: 0o700 });
    const copy = await unlinkedPackage(closed);
    const places = embeddedPlaces(directory);
    await mkdir(places.directory, { mode: 0o711 });
    const user = await findServerUser(0, places.data);
    const umask = process.umask(0o077);
    context.after(() => process.umask(umask));
    const found = await preparePackagedPostgres(copy, places, user);
    assert.match(found?.binDirectory ?? "", /\/postgres\/programs-15\.[\w.-]+\/native\/bin$/);
    const made = (await lstat(found?.binDirectory ?? "")).ino;
    const again = await preparePackagedPostgres(copy, places, user);
    assert.equal((await lstat(again?.binDirectory ?? "")).ino, made);
    assert.equal((await readdir(places.directory)).length, 1);
  },
);
