import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

const samplePeriodMs = 20;

export type MeasuredRun = {
  readonly seconds: number;
  /** User and system time of all processes started; the database server's is not among it. */
  readonly cpuSeconds: number;
  /** The highest resident memory of any one process. */
  readonly largestProcessBytes: number;
  /** The most that was in the directory at any time. */
  readonly mostDiskBytes: number;
};

/** Runs a shell command to its end and watches its processes and what it writes into a directory. Throws when it fails. Linux only: it reads /proc. */
export async function measureRun(
  command: string,
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<MeasuredRun> {
  const startedMs = performance.now();
  const child = spawn("bash", ["-c", `set -euo pipefail\nTIMEFORMAT='%U %S'\ntime { ${command}\n}`], {
    env,
    cwd: directory,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()));
  const ended = once(child, "close") as Promise<[number | null]>;
  const running = { endedMs: NaN };
  const noticed = ended.then(() => {
    running.endedMs = performance.now();
  });
  let [largestProcessBytes, mostDiskBytes] = [0, 0];
  while (Number.isNaN(running.endedMs)) {
    largestProcessBytes = Math.max(largestProcessBytes, await largestOfGroup(child.pid ?? 0));
    mostDiskBytes = Math.max(mostDiskBytes, await bytesBelow(directory));
    await Promise.race([noticed, new Promise((resolve) => setTimeout(resolve, samplePeriodMs))]);
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${said}`);
  const [user, system] = (said.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  return {
    seconds: (running.endedMs - startedMs) / 1000,
    cpuSeconds: (user ?? NaN) + (system ?? NaN),
    largestProcessBytes,
    mostDiskBytes,
  };
}

/** The peak so far: the kernel keeps it, so that a short one between two samples is seen too. */
async function largestOfGroup(group: number): Promise<number> {
  let largest = 0;
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = (await readFile(`/proc/${name}/stat`, "latin1")).replace(/^.*\) /s, "").split(" ");
      if (Number(fields[2]) !== group) continue;
      const peak = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${name}/status`, "latin1"))?.[1];
      largest = Math.max(largest, Number(peak ?? 0) * 1024);
    } catch {
      // It has ended.
    }
  }
  return largest;
}

export async function bytesBelow(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory, { recursive: true })) {
    try {
      const found = await stat(join(directory, name));
      if (found.isFile()) bytes += found.size;
    } catch {
      // It has gone.
    }
  }
  return bytes;
}
