import { readFile } from "node:fs/promises";
import { release, type } from "node:os";

/** `Debian GNU/Linux 12 (bookworm)`, or the kernel's name where no os-release tells. */
export async function readOsVersion(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const [, name] = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text) ?? [];
  return name ?? `${type()} ${release()}`;
}
