import { realpath, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { Environment } from "../../settings/environment.ts";
import { choosePostgres, type PostgresInstallation } from "./choose-postgres.ts";
import { findInstallations } from "./find-postgres.ts";
import { withLock } from "./lock.ts";
import { makeCluster, readClusterMajor } from "./make-cluster.ts";
import { findPackageDirectory, preparePackagedPostgres } from "./packaged-postgres.ts";
import { keepPasswords, type Passwords } from "./passwords.ts";
import { embeddedHost, embeddedPlaces, type EmbeddedPlaces } from "./places.ts";
import { keepFreePort } from "./port.ts";
import { reconcileRoles } from "./reconcile-roles.ts";
import { resetSuperuserPassword } from "./reset-superuser-password.ts";
import { findRunningServer, startServer, stopServer, type RunningServer } from "./server.ts";
import { countServerUsers, enterServerUser, removeServerUser } from "./server-users.ts";
import { findClosedDirectory, findServerUser, type ServerUser } from "./server-user.ts";

/** Longer than a first start, or a recovery, takes another process. */
const lockTimeoutMs = 90_000;
const connectTimeoutMs = 10_000;
const goneTimeoutMs = 500;

/** A stay with the embedded server, which runs from begin to end of it. */
export type EmbeddedServer = {
  readonly pid: number;
  readonly port: number;
  readonly passwords: Passwords;
};

/** What the embedded server needs to know. */
export type EmbeddedServerOptions = {
  readonly home: string;
  readonly environment: Pick<Environment, "env" | "userId">;
};

/**
 * Begins a stay with the embedded server of this home: makes the cluster where there is none, starts the server or takes over
 * a running one, and puts its roles in order. Any number of processes may do so at once.
 * Throws POSTGRES_MISSING, POSTGRES_FAILED, HOME_UNUSABLE, and HOME_IN_USE when another process does not let go of the start.
 */
export async function enterEmbeddedServer(
  options: EmbeddedServerOptions,
): Promise<{ readonly server: EmbeddedServer; readonly entry: string }> {
  const places = embeddedPlaces(options.home);
  return withLock(places.lock, lockTimeoutMs, async () => {
    const entry = await enterServerUser(places);
    try {
      return { server: await provideServer(places, options), entry };
    } catch (error) {
      await removeServerUser(entry);
      throw error;
    }
  });
}

/** The server of a stay that goes on, started again where it died. */
export async function reviveEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const places = embeddedPlaces(options.home);
  return withLock(places.lock, lockTimeoutMs, () => provideServer(places, options));
}

/**
 * Ends a stay. Whoever is the last stops the server: nobody else works with it, and, unless `evenWithClients`, nobody is connected (an
 * administrator's psql). Then it stays until the next one leaves.
 */
export async function leaveEmbeddedServer(
  home: string,
  entry: string,
  leave: { readonly evenWithClients: boolean },
): Promise<void> {
  const places = embeddedPlaces(home);
  await withLock(places.lock, lockTimeoutMs, async () => {
    await removeServerUser(entry);
    if ((await countServerUsers(places)) > 0) return;
    const server = await findRunningServer(places);
    if (server === null) return;
    if (!leave.evenWithClients && (await hasClients(places, server))) return;
    await stopServer(places, server);
  });
}

async function provideServer(places: EmbeddedPlaces, options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const passwords = await keepPasswords(places);
  const running = await findRunningServer(places);
  const server = running ?? (await makeAndStart(places, options, passwords));
  try {
    await putInOrder(places, server, passwords);
    return { ...server, passwords };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === invalidPassword)) throw error;
  }
  // The passfile was lost or is another's: the data directory is ours all the same.
  await stopServer(places, server);
  const user = await findServerUser(options.environment.userId, places.data);
  await resetSuperuserPassword(places, await findPrograms(places, options, user), user, passwords.postgres);
  const restarted = await makeAndStart(places, options, passwords);
  await putInOrder(places, restarted, passwords);
  return { ...restarted, passwords };
}

const invalidPassword = "28P01";

async function makeAndStart(
  places: EmbeddedPlaces,
  options: EmbeddedServerOptions,
  passwords: Passwords,
): Promise<RunningServer> {
  const user = await findServerUser(options.environment.userId, places.data);
  if (user !== null) await demandOpenWay(places, user);
  const installation = await findPrograms(places, options, user);
  if ((await readClusterMajor(places)) === null) {
    if ((await stat(places.data).catch(() => null)) !== null) {
      throw new BackupAwarenessError(
        "POSTGRES_FAILED",
        `"${places.data}" is there but is no PostgreSQL data directory`,
        {
          hint: "move it away; a new embedded database is made at the next start",
        },
      );
    }
    await makeCluster(places, installation, user, passwords.postgres);
  }
  return startServer(places, installation, user, await keepFreePort(places));
}

async function demandOpenWay(places: EmbeddedPlaces, user: ServerUser): Promise<void> {
  const closed = await findClosedDirectory(places.directory, user);
  if (closed === null) return;
  throw new BackupAwarenessError(
    "HOME_UNUSABLE",
    `the embedded PostgreSQL runs as ${user.name}, who may not enter "${closed}"`,
    {
      hint: `chmod o+x "${closed}", or set BACKUP_AWARENESS_HOME to another place, /var/lib/backup-awareness for one`,
    },
  );
}

async function findPrograms(
  places: EmbeddedPlaces,
  options: EmbeddedServerOptions,
  user: ServerUser | null,
): Promise<PostgresInstallation> {
  const major = await readClusterMajor(places);
  const machine = await findInstallations(options.environment.env["PATH"], user);
  const packageDirectory = machine.some((found) => (major === null ? true : found.major === major))
    ? null
    : findPackageDirectory();
  const packaged = packageDirectory === null ? null : await preparePackagedPostgres(packageDirectory, places, user);
  return choosePostgres(packaged === null ? machine : [...machine, packaged], major);
}

async function putInOrder(places: EmbeddedPlaces, server: RunningServer, passwords: Passwords): Promise<void> {
  await asSuperuser(server, passwords.postgres, async (client) => {
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    const found = rows[0]?.data_directory ?? "";
    if (found !== places.data && found !== (await realpath(places.data))) {
      throw new BackupAwarenessError(
        "POSTGRES_FAILED",
        `the PostgreSQL on ${embeddedHost}:${server.port} serves "${found}", not "${places.data}"`,
      );
    }
    await reconcileRoles(client, passwords);
  });
}

/** Whether somebody else is connected; sessions that have just been closed, ours for one, are given a moment to be gone. */
async function hasClients(places: EmbeddedPlaces, server: RunningServer): Promise<boolean> {
  const passwords = await keepPasswords(places);
  return asSuperuser(server, passwords.postgres, async (client) => {
    const deadline = Date.now() + goneTimeoutMs;
    for (;;) {
      const { rowCount } = await client.query(
        "select from pg_catalog.pg_stat_activity where backend_type = 'client backend' and pid <> pg_catalog.pg_backend_pid()",
      );
      if (rowCount === 0) return false;
      if (Date.now() > deadline) return true;
      await delay(20);
    }
  });
}

async function asSuperuser<Result>(
  server: RunningServer,
  password: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({
    host: embeddedHost,
    port: server.port,
    user: "postgres",
    database: "postgres",
    password,
    ssl: false,
    application_name: "backup-awareness embedded",
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: connectTimeoutMs,
  });
  client.on("error", () => {
    // The query that is under way fails with it and tells.
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
