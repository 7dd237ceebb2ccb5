import { existsSync, globSync } from "node:fs";
import { delimiter, join } from "node:path";

/* The programs of monitoring systems: the machine's own, else those that scripts/set-up.mjs has unpacked. */

const root = join(import.meta.dirname, "../../.cache/monitoring");

export type MonitoringProgram = {
  readonly file: string;
  /** What it needs to find its libraries. */
  readonly env: Readonly<Record<string, string>>;
  /** Where its package was unpacked; `/` where it is installed. */
  readonly root: string;
};

/** The program, or null: it is not to be had here. Where tests must not be skipped (CI), that is an error. */
export function findMonitoringProgram(name: string): MonitoringProgram | null {
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter((directory) => directory !== "");
  const installed = directories.map((directory) => join(directory, name)).find((file) => existsSync(file));
  if (installed !== undefined) return { file: installed, env: {}, root: "/" };
  const [unpacked] = globSync([`usr/bin/${name}`, `usr/sbin/${name}`], { cwd: root });
  if (unpacked !== undefined) {
    const libraries = globSync("usr/lib/*-linux-gnu*", { cwd: root }).map((directory) => join(root, directory));
    return { file: join(root, unpacked), env: { LD_LIBRARY_PATH: libraries.join(delimiter) }, root };
  }
  if (process.env["CI"] === "true") throw new Error(`${name} is missing, and in CI no test is skipped`);
  return null;
}
