import { spawn } from "node:child_process";
import { chown, mkdir, open, readFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { kill } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { PostgresInstallation } from "./choose-postgres.ts";
import { embeddedHost, type EmbeddedPlaces } from "./places.ts";
import { identifyProcess, programOfProcess } from "./process-identity.ts";
import type { ServerUser } from "./server-user.ts";

const pollMs = 20;
/** How long a server may take to be ready: after a crash it replays its log first. */
const readyTimeoutMs = 60_000;
/** How long the processes that a killed server left may hold its shared memory. */
const leftoverTimeoutMs = 20_000;
const stopTimeoutMs = 30_000;

/** A running server, as its postmaster.pid tells. */
export type RunningServer = { readonly pid: number; readonly port: number };

/**
 * The server that runs on this data directory, ready for connections, or null: none does. Waits while one is starting, recovering or
 * stopping. Throws POSTGRES_FAILED when it stays so for a minute.
 */
export async function findRunningServer(places: EmbeddedPlaces): Promise<RunningServer | null> {
  const deadline = Date.now() + readyTimeoutMs;
  for (;;) {
    const lock = await readServerLock(places);
    if (lock === null || !(await isServer(lock.pid))) return null;
    if (lock.ready && lock.port !== null) return { pid: lock.pid, port: lock.port };
    if (Date.now() > deadline)
      throw await failure(
        places,
        `the embedded PostgreSQL (process ${lock.pid}) is not ready after ${readyTimeoutMs / 1000} s`,
      );
    await delay(pollMs);
  }
}

/**
 * Starts the server and waits until it takes connections. It lives on its own: a terminal's Ctrl-C, our end or our death do not touch it.
 * The caller holds the cluster's lock and has found none running. Throws POSTGRES_FAILED, quoting the server's last words.
 */
export async function startServer(
  places: EmbeddedPlaces,
  installation: PostgresInstallation,
  user: ServerUser | null,
  port: number,
): Promise<RunningServer> {
  await mkdir(places.log, { recursive: true, mode: 0o700 });
  if (user !== null) await chown(places.log, user.uid, user.gid);
  const deadline = Date.now() + leftoverTimeoutMs;
  for (;;) {
    await removeStaleServerLock(places);
    const started = await launch(places, installation, user, port);
    // One that a killed process had started a moment ago may have been faster.
    const running = started ?? (await findRunningServer(places));
    if (running !== null) return running;
    const words = await lastWords(places);
    const leftover =
      words.includes("pre-existing shared memory block") ||
      words.includes("is still in use") ||
      words.includes('"postmaster.pid" already exists');
    if (!leftover || Date.now() > deadline) throw await failure(places, "the embedded PostgreSQL did not start");
    await delay(100);
  }
}

/** Stops the server the fast way: sessions are ended, everything is written. Waits for its end. Throws POSTGRES_FAILED after half a minute. */
export async function stopServer(places: EmbeddedPlaces, server: RunningServer): Promise<void> {
  signal(server.pid, "SIGINT");
  const deadline = Date.now() + stopTimeoutMs;
  while (await isServer(server.pid)) {
    if (Date.now() > deadline)
      throw await failure(
        places,
        `the embedded PostgreSQL (process ${server.pid}) did not stop within ${stopTimeoutMs / 1000} s`,
      );
    await delay(pollMs);
  }
}

/** Whether the process is there and is a PostgreSQL server: after a restart of the machine the number may be anybody's. */
export async function isServer(pid: number): Promise<boolean> {
  if ((await identifyProcess(pid)) === null) return false;
  const program = await programOfProcess(pid);
  return program === null || program === "postgres" || program === "postmaster";
}

async function launch(
  places: EmbeddedPlaces,
  installation: PostgresInstallation,
  user: ServerUser | null,
  port: number,
): Promise<RunningServer | null> {
  const output = await open(places.startLog, "w", 0o600);
  try {
    const child = spawn(join(installation.binDirectory, "postgres"), serverArguments(places, port), {
      cwd: "/",
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
      env: { LC_ALL: "C", TZ: "UTC", PATH: "/usr/bin:/bin" },
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
    });
    const state = { ended: false };
    child.once("exit", () => {
      state.ended = true;
    });
    child.once("error", () => {
      state.ended = true;
    });
    child.unref();
    const deadline = Date.now() + readyTimeoutMs;
    while (!state.ended) {
      const lock = await readServerLock(places);
      if (lock !== null && lock.pid === child.pid && lock.ready) return { pid: lock.pid, port };
      if (Date.now() > deadline) {
        child.kill("SIGQUIT");
        throw await failure(places, `the embedded PostgreSQL was not ready after ${readyTimeoutMs / 1000} s`);
      }
      await delay(pollMs);
    }
    return null;
  } finally {
    await output.close();
  }
}

/** Only what must hold, whatever postgresql.conf says. */
function serverArguments(places: EmbeddedPlaces, port: number): string[] {
  const settings = {
    listen_addresses: embeddedHost,
    port: String(port),
    unix_socket_directories: "",
    password_encryption: "scram-sha-256",
    fsync: "on",
    full_page_writes: "on",
    synchronous_commit: "on",
    logging_collector: "on",
    log_destination: "stderr",
    log_directory: places.log,
    log_filename: "postgresql-%a.log",
    log_file_mode: "0600",
    log_rotation_age: "1d",
    log_rotation_size: "0",
    log_truncate_on_rotation: "on",
  };
  return ["-D", places.data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

type ServerLock = {
  readonly pid: number;
  readonly port: number | null;
  /** Of System V. */
  readonly sharedMemoryId: string | null;
  readonly ready: boolean;
};

/** postmaster.pid: process, data directory, start, port, socket directory, address, shared memory, status. */
async function readServerLock(places: EmbeddedPlaces): Promise<ServerLock | null> {
  const text = await readFile(join(places.data, "postmaster.pid"), "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  });
  const lines = text.split("\n");
  const pid = Number.parseInt(lines[0] ?? "", 10);
  if (!(pid > 0)) return null;
  const port = Number.parseInt(lines[3] ?? "", 10);
  const sharedMemoryId = lines[6]?.trim().split(/\s+/)[1] ?? null;
  return { pid, port: port > 0 ? port : null, sharedMemoryId, ready: lines[7]?.trim() === "ready" };
}

/**
 * PostgreSQL itself removes a lock whose process is gone. One whose number now belongs to another program would stop it for ever, and so
 * would a killed server whose parent never asks how it ended (a zombie, as in containers). The latter's lock also names the shared memory, which
 * must no longer be in use: its backends outlive a killed server for a moment.
 */
async function removeStaleServerLock(places: EmbeddedPlaces): Promise<void> {
  const lock = await readServerLock(places);
  if (lock === null || (await isServer(lock.pid))) return;
  const belongsToAnother = (await identifyProcess(lock.pid)) !== null;
  if (!belongsToAnother && (await isSharedMemoryInUse(lock.sharedMemoryId))) return;
  await rm(join(places.data, "postmaster.pid"), { force: true });
}

/** Whether a process is attached to it; true where that cannot be told. */
async function isSharedMemoryInUse(id: string | null): Promise<boolean> {
  const text = await readFile("/proc/sysvipc/shm", "utf8").catch(() => null);
  if (text === null || id === null) return true;
  const [header = "", ...lines] = text.split("\n").map((line) => line.trim().split(/\s+/));
  const [idColumn, attachedColumn] = [header.indexOf("shmid"), header.indexOf("nattch")];
  const segment = lines.find((columns) => columns[idColumn] === id);
  return segment !== undefined && segment[attachedColumn] !== "0";
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function failure(places: EmbeddedPlaces, message: string): Promise<BackupAwarenessError> {
  const words = await lastWords(places);
  return new BackupAwarenessError("POSTGRES_FAILED", words === "" ? message : `${message}; it said:\n${words}`, {
    hint: `the server's log is in "${places.log}"`,
  });
}

/** The last lines of what the server wrote before it opened its log, and of the newest log. */
async function lastWords(places: EmbeddedPlaces): Promise<string> {
  const logs = (await readdir(places.log).catch(() => [])).filter((name) => name.startsWith("postgresql-"));
  const dated = await Promise.all(
    logs.map(async (name) => ({ name, time: (await stat(join(places.log, name))).mtimeMs })),
  );
  const newest = dated.toSorted((one, other) => other.time - one.time)[0];
  const start = await readTail(places.startLog, 8);
  const log = newest === undefined ? [] : await readTail(join(places.log, newest.name), 8);
  return [...start, ...log]
    .filter((line) => !line.includes("logging collector process") && !line.includes("Future log output"))
    .join("\n");
}

async function readTail(path: string, lines: number): Promise<string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-lines);
}
