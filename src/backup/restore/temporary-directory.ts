import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { identifyProcess } from "../../database/embedded/process-identity.ts";
import type { RunLog } from "../run-log.ts";
import { systemErrorText } from "../system-error.ts";

const prefix = "engine-backup-restore-";
const ownerFile = "owner.json";
/** Its maker writes its name within this; one without a name that is older is a dead one's. */
const unwrittenMs = 60_000;

/**
 * A directory of this run's own below `parent`, mode 0700, after those of killed runs have been removed. Throws RESTORE_FAILED where it cannot be made.
 */
export async function makeTemporaryDirectory(
  parent: string,
  self: { readonly pid: number; readonly userId: number | null },
  log: RunLog,
): Promise<string> {
  const { pid, userId } = self;
  for (const path of await findAbandoned(parent, userId)) {
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
    log.info(`removed "${path}", which a killed restore had left`);
  }
  try {
    const path = await mkdtemp(join(parent, prefix));
    await writeFile(join(path, ownerFile), JSON.stringify({ pid, identity: await identifyProcess(pid) }), {
      mode: 0o600,
    });
    return path;
  } catch (error) {
    throw new BackupAwarenessError("RESTORE_FAILED", `cannot write into "${parent}": ${systemErrorText(error)}`, {
      hint: "name another place with --tmpdir=DIRECTORY",
      cause: error,
    });
  }
}

async function findAbandoned(parent: string, userId: number | null): Promise<string[]> {
  const names = (await readdir(parent).catch(() => [])).filter((name) => name.startsWith(prefix));
  const abandoned: string[] = [];
  for (const path of names.map((name) => join(parent, name))) if (await isAbandoned(path, userId)) abandoned.push(path);
  return abandoned;
}

async function isAbandoned(path: string, userId: number | null): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isDirectory() || found.uid !== userId) return false;
  try {
    const { pid, identity } = JSON.parse(await readFile(join(path, ownerFile), "utf8")) as Record<string, unknown>;
    return typeof pid === "number" && identity !== (await identifyProcess(pid));
  } catch {
    return Date.now() - found.mtimeMs > unwrittenMs;
  }
}
