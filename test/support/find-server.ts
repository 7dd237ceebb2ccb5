import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The process of the embedded server of a home, or null: none runs. */
export async function findServer(home: string): Promise<number | null> {
  const text = await readFile(join(home, "postgres", "data", "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  if (!(pid > 0)) return null;
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
}
