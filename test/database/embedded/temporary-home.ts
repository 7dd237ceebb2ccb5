import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openDatabase, type OpenDatabaseOptions } from "../../../src/database/open-database.ts";
import type { Database } from "../../../src/database/database.ts";

export type TemporaryHome = { readonly home: string; remove(): Promise<void> };

/** A home, not made yet, with the name that is asked for; its server, if one runs, is killed with it. `ownerId`: who may make it. */
export async function temporaryHome(name = "home", ownerId: number | null = null): Promise<TemporaryHome> {
  const directory = await mkdtemp(join(tmpdir(), "embedded-"));
  await chmod(directory, 0o711);
  if (ownerId !== null) await chown(directory, ownerId, ownerId);
  const home = join(directory, name);
  return {
    home,
    remove: async () => {
      const pid = await serverPid(home);
      if (pid !== null) await killAndWait(pid);
      await rm(directory, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

/** The process that the home's postmaster.pid names, if it lives. */
export async function serverPid(home: string): Promise<number | null> {
  const text = await readFile(join(home, "postgres", "data", "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return pid > 0 && isAlive(pid) ? pid : null;
}

export async function killAndWait(pid: number): Promise<void> {
  if (isAlive(pid)) process.kill(pid, "SIGKILL");
  while (isAlive(pid)) await delay(10);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export function openHome(home: string, options: Partial<OpenDatabaseOptions> = {}): Promise<Database> {
  return openDatabase({
    settings: { home, databaseUrl: null },
    environment: {
      env: { PATH: process.env["PATH"] },
      userId: process.getuid?.() ?? null,
      homeDirectory: "/nonexistent",
    },
    role: "owner",
    applicationName: "test",
    ...options,
  });
}

/** Another process of ours on this home. */
export type Companion = {
  readonly pid: number;
  /** Its next line: see companion.ts. null: it has ended. */
  readLine(): Promise<string | null>;
  /** Ends its input, which is its sign to close, and waits for its end. */
  finish(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
};

/** Starts companion.ts as another user where one is given. */
export function startCompanion(
  home: string,
  work: "stay" | "write" | "daemon",
  userId: number | null = null,
): Companion {
  const script = fileURLToPath(new URL("companion.ts", import.meta.url));
  const child = spawn(process.execPath, [script, home, work], {
    stdio: ["pipe", "pipe", "inherit"],
    cwd: "/",
    ...(userId === null ? {} : { uid: userId, gid: userId }),
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, "exit");
  child.stdin.on("error", () => {
    // It was killed.
  });
  if (child.pid === undefined) throw new Error("the companion could not be started");
  return {
    pid: child.pid,
    readLine: async () => {
      const line = await lines.next();
      return line.done === true ? null : line.value;
    },
    finish: async () => {
      child.stdin.end();
      await ended;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
