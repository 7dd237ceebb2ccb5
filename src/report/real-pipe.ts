import { execFile } from "node:child_process";
import { constants, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A pipe: what is written to `writeFd` comes out of `readable`. Whoever has handed `writeFd` on closes it. */
export type RealPipe = { readonly readable: Socket; readonly writeFd: number };

/**
 * Makes a pipe as a shell does. Node gives its children sockets instead, which cannot be opened as /dev/stdout or /dev/stderr and do not end a
 * writer by SIGPIPE: a tool must not notice that it is wrapped. null where none can be made.
 */
export async function openRealPipe(): Promise<RealPipe | null> {
  let directory: string | null = null;
  try {
    directory = await mkdtemp(join(tmpdir(), "backup-awareness-run-"));
    const path = join(directory, "pipe");
    await promisify(execFile)("mkfifo", ["-m", "600", path]);
    // The reader first, and without waiting: the writer's end opens only when somebody reads.
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    return { readable: new Socket({ fd: readFd, readable: true, writable: false }), writeFd };
  } catch {
    return null;
  } finally {
    if (directory !== null) await rm(directory, { recursive: true, force: true });
  }
}
