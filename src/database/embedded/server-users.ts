import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pid } from "node:process";
import type { EmbeddedPlaces } from "./places.ts";
import { identifyProcess } from "./process-identity.ts";

/*
 * Who works with the embedded server: one file for each, named for its process. Counting connections would not do, for `run -- COMMAND` and a pause
 * of the pool hold none for hours. All of it happens under the cluster's lock.
 */

/** Enters this process among those that work with the server; returns the entry. */
export async function enterServerUser(places: EmbeddedPlaces): Promise<string> {
  await mkdir(places.users, { recursive: true, mode: 0o700 });
  const entry = join(places.users, `${pid}-${randomUUID()}`);
  await writeFile(entry, (await identifyProcess(pid)) ?? "", { mode: 0o600 });
  return entry;
}

export async function removeServerUser(entry: string): Promise<void> {
  await rm(entry, { force: true });
}

/** How many still work with the server. Entries of the dead are removed. */
export async function countServerUsers(places: EmbeddedPlaces): Promise<number> {
  let count = 0;
  for (const name of await readdir(places.users).catch(() => [])) {
    const entry = join(places.users, name);
    const identity = await readFile(entry, "utf8").catch(() => null);
    if (identity !== null && identity === (await identifyProcess(Number.parseInt(name, 10)))) count++;
    else await rm(entry, { force: true });
  }
  return count;
}
