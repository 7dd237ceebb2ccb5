import { execFile } from "node:child_process";
import { appendFile, chown, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { PostgresInstallation } from "./choose-postgres.ts";
import type { EmbeddedPlaces } from "./places.ts";
import type { ServerUser } from "./server-user.ts";

/** What a server for one small database needs; an administrator may change it in postgresql.conf. */
const tuning = `
# Set by Backup Awareness when it made this cluster. Change what you like: only the address, the port, the sockets, the log's
# place and the durability are given on the server's command line, which overrides this file.
max_connections = 50
shared_buffers = 64MB
max_wal_size = 256MB
min_wal_size = 64MB
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] %q%u@%d %a '
log_checkpoints = off
`;

const accessRules = `# Made by Backup Awareness: this machine only, passwords only.
# TYPE  DATABASE  USER  ADDRESS       METHOD
local   all       all                 scram-sha-256
host    all       all   127.0.0.1/32  scram-sha-256
`;

/** The major version that made the cluster, or null: there is none yet. */
export async function readClusterMajor(places: EmbeddedPlaces): Promise<number | null> {
  try {
    return Number.parseInt(await readFile(join(places.data, "PG_VERSION"), "utf8"), 10);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/**
 * Makes the cluster. It is complete or not there: initdb works beside it and the result is renamed. The caller holds the
 * cluster's lock, so that whatever lies there unfinished is a killed process's. Throws POSTGRES_FAILED with initdb's words.
 */
export async function makeCluster(
  places: EmbeddedPlaces,
  installation: PostgresInstallation,
  user: ServerUser | null,
  superuserPassword: string,
): Promise<void> {
  await removeUnfinished(places);
  // A name of its own: an initdb whose caller was killed works on, and must not meet this one.
  const data = await mkdtemp(places.unfinishedData);
  const passwordFile = `${data}.password`;
  await writeFile(passwordFile, `${superuserPassword}\n`, { mode: 0o600, flag: "wx" });
  if (user !== null) await Promise.all([data, passwordFile].map((path) => chown(path, user.uid, user.gid)));
  try {
    await runInitdb(places, installation, user, ["--pgdata", data, "--pwfile", passwordFile]);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await appendFile(join(data, "postgresql.conf"), tuning);
  await writeFile(join(data, "pg_hba.conf"), accessRules);
  await syncFiles([join(data, "postgresql.conf"), join(data, "pg_hba.conf"), data]);
  await rename(data, places.data);
  await syncFiles([places.directory]);
}

async function removeUnfinished(places: EmbeddedPlaces): Promise<void> {
  for (const name of await readdir(places.directory)) {
    if (!name.startsWith(basename(places.unfinishedData))) continue;
    await rm(join(places.directory, name), { recursive: true, force: true }).catch(() => {
      // An orphaned initdb still writes there; the next start finds it ended.
    });
  }
}

async function runInitdb(
  places: EmbeddedPlaces,
  installation: PostgresInstallation,
  user: ServerUser | null,
  where: readonly string[],
): Promise<void> {
  const args = [
    ...where,
    "--username",
    "postgres",
    "--auth",
    "scram-sha-256",
    "--encoding",
    "UTF8",
    "--locale",
    "C",
    "--data-checksums",
  ];
  try {
    await promisify(execFile)(join(installation.binDirectory, "initdb"), args, {
      cwd: "/",
      env: { LC_ALL: "C", TZ: "UTC", PATH: "/usr/bin:/bin" },
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
    });
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new BackupAwarenessError(
      "POSTGRES_FAILED",
      `initdb could not make the embedded database: ${said === "" ? String(error) : said}`,
      {
        hint: `look at "${places.directory}" and the space left on its file system`,
        cause: error,
      },
    );
  }
}

/** Directories too: a rename lasts only when its directory is written. */
async function syncFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const file = await open(path);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
