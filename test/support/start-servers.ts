import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, chown, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, platform, arch } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { choosePostgres, type PostgresInstallation } from "../../src/database/embedded/choose-postgres.ts";
import { findInstallations } from "../../src/database/embedded/find-postgres.ts";
import { findPackageDirectory, preparePackagedPostgres } from "../../src/database/embedded/packaged-postgres.ts";
import { embeddedPlaces } from "../../src/database/embedded/places.ts";
import { findServerUser, type ServerUser } from "../../src/database/embedded/server-user.ts";

/** A throw-away PostgreSQL server of one major version. */
export type TestServer = { readonly major: number; readonly superuserUrl: string };

/** The newest major that is tested beside the machine's own. */
const newestTestedMajor = 18;
const readyTimeoutMs = 30_000;

/**
 * Starts the servers that tests run against: one of the machine's major (or of the package that the product ships), one of the newest.
 * They write nothing durably unless asked to, for a bench; listen on 127.0.0.1 only, and end, their files with them, when `stop` is called or this process ends, however it ends.
 */
export async function startTestServers({ durable = false } = {}): Promise<{
  readonly servers: TestServer[];
  stop(): Promise<void>;
}> {
  const directory = await mkdtemp(join(tmpdir(), "backup-awareness-test-"));
  const user = await findServerUser(process.getuid?.() ?? null, directory);
  await chmod(directory, 0o711);
  try {
    const installations = await installationsToTest(directory, user);
    const started = await Promise.all(
      installations.map((installation) => startServer(installation, directory, user, durable)),
    );
    const guard = guardServers(
      directory,
      started.map(({ pid }) => pid),
    );
    return {
      servers: started.map(({ server }) => server),
      stop: async () => {
        guard.ref();
        guard.stdin.end();
        if (guard.exitCode === null) await once(guard, "exit");
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function installationsToTest(directory: string, user: ServerUser | null): Promise<PostgresInstallation[]> {
  const machine = await findInstallations(process.env["PATH"], user);
  const places = { ...embeddedPlaces(directory), directory };
  const prepare = (packageDirectory: string | null) =>
    packageDirectory === null ? null : preparePackagedPostgres(packageDirectory, places, user);
  const newest = machine.find(({ major }) => major === newestTestedMajor) ?? (await prepare(newestPackageDirectory()));
  const older = machine.filter(({ major }) => major !== newestTestedMajor);
  const packaged = older.length > 0 ? null : await prepare(findPackageDirectory());
  const first = choosePostgres(packaged === null ? older : [...older, packaged], null);
  return newest === null ? [first] : [first, newest];
}

function newestPackageDirectory(): string | null {
  try {
    return dirname(
      dirname(fileURLToPath(import.meta.resolve(`postgres-${newestTestedMajor}-${platform()}-${arch()}`))),
    );
  } catch {
    return null;
  }
}

async function startServer(
  installation: PostgresInstallation,
  directory: string,
  user: ServerUser | null,
  durable: boolean,
): Promise<{ pid: number; server: TestServer }> {
  const as = {
    cwd: "/",
    env: { LC_ALL: "C", TZ: "UTC", PATH: "/usr/bin:/bin" },
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  };
  const data = await mkdtemp(join(directory, `data-${installation.major}-`));
  const password = randomBytes(12).toString("base64url");
  const passwordFile = `${data}.password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user !== null) await Promise.all([data, passwordFile].map((path) => chown(path, user.uid, user.gid)));
  const initdbArguments = [
    "-D",
    data,
    "-U",
    "postgres",
    "--pwfile",
    passwordFile,
    "-A",
    "scram-sha-256",
    "-E",
    "UTF8",
    "--locale=C",
    "--no-sync",
  ];
  await promisify(execFile)(join(installation.binDirectory, "initdb"), initdbArguments, as);

  const port = await freePort();
  const log = await open(`${data}.log`, "w");
  const settings = ["listen_addresses=127.0.0.1", `port=${port}`, "unix_socket_directories="];
  if (!durable) settings.push("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum_naptime=1h");
  settings.push(
    "max_connections=200",
    "shared_buffers=128MB",
    "timezone=UTC",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
  );
  const child = spawn(
    join(installation.binDirectory, "postgres"),
    ["-D", data, ...settings.flatMap((setting) => ["-c", setting])],
    {
      ...as,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    },
  );
  await log.close();
  child.unref();
  if (child.pid === undefined) throw new Error(`PostgreSQL ${installation.major} could not be started`);
  const superuserUrl = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  await waitUntilReady(superuserUrl, () => child.exitCode !== null, `${data}.log`);
  return { pid: child.pid, server: { major: installation.major, superuserUrl } };
}

async function waitUntilReady(url: string, ended: () => boolean, log: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {
      // The attempt fails by itself.
    });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (ended() || Date.now() > deadline)
        throw new Error(`a test server did not start: ${await readFile(log, "utf8")}`, { cause: error });
      await delay(20);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

/** A shell that waits for the end of its input, which comes even when this process is killed, and then clears up. */
function guardServers(directory: string, pids: readonly number[]) {
  // A stopped server removes its postmaster.pid; its process number tells less, for in a container nobody may reap it.
  const script = `dir=$1; shift; cat >/dev/null; kill -INT "$@"; n=0
    while ls "$dir"/data-*/postmaster.pid >/dev/null 2>&1 && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
    rm -rf "$dir"`;
  const guard = spawn("/bin/sh", ["-c", script, "guard", directory, ...pids.map(String)], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  guard.stdin.on("error", () => {
    // It was killed; nothing is left to tell it.
  });
  return guard;
}
