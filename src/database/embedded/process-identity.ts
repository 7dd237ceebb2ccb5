import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { platform } from "node:os";
import { kill } from "node:process";
import { promisify } from "node:util";

/**
 * What tells this run of a process from a later one that was given the same number: the boot and the moment of its start. null: no such
 * process runs (a zombie counts as gone).
 */
export async function identifyProcess(pid: number): Promise<string | null> {
  if (!isAlive(pid)) return null;
  return platform() === "linux" ? identifyByProc(pid) : identifyByPs(pid);
}

/** The name of the program that a process runs, without its directory; null: no such process, or nothing tells. */
export async function programOfProcess(pid: number): Promise<string | null> {
  try {
    if (platform() === "linux") return (await readFile(`/proc/${pid}/comm`, "utf8")).trim();
    const { stdout } = await promisify(execFile)("ps", ["-o", "comm=", "-p", String(pid)]);
    return stdout.trim().split("/").at(-1) ?? null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to someone else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function identifyByProc(pid: number): Promise<string | null> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    ]);
    // The second field, the program's name in parentheses, may itself hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    const startTicks = fields[19];
    return state === "Z" || state === "X" || startTicks === undefined ? null : `${boot.trim()} ${startTicks}`;
  } catch {
    return null;
  }
}

async function identifyByPs(pid: number): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("ps", ["-o", "state=,lstart=", "-p", String(pid)], {
      env: { LC_ALL: "C", TZ: "UTC" },
    });
    const line = stdout.trim();
    return line === "" || line.startsWith("Z") ? null : line.replace(/^\S+\s+/, "");
  } catch {
    return null;
  }
}
