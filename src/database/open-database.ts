import { isAbsolute, join } from "node:path";
import type { Pool } from "pg";
import type { Environment } from "../settings/environment.ts";
import { databaseUrlWithoutPassword, parseDatabaseUrl, type DatabaseUrlParts } from "../settings/database-url.ts";
import { createHome } from "../settings/home.ts";
import type { Settings } from "../settings/settings.ts";
import { translateConnectionError } from "./connection-error.ts";
import type { Database, DatabaseRole } from "./database.ts";
import { enterEmbeddedServer, leaveEmbeddedServer, reviveEmbeddedServer } from "./embedded/embedded-server.ts";
import { embeddedDatabaseName, embeddedHost, embeddedPlaces, type LoginRole } from "./embedded/places.ts";
import { readPort } from "./embedded/port.ts";
import { isServer } from "./embedded/server.ts";
import { openPool } from "./open-pool.ts";
import { findPassword } from "./passfile.ts";

const defaultConnections = 10;
/** How often a daemon looks whether its embedded server lives. */
const watchPeriodMs = 1_000;

/** The few words of a logger that this needs; pino's fit. */
export type DatabaseLogger = {
  info(object: object, message: string): void;
  warn(object: object, message: string): void;
};

export type OpenDatabaseOptions = {
  readonly settings: Pick<Settings, "home" | "databaseUrl">;
  /** The setting that names an application's database, for hints; database.url unless it is given. */
  readonly urlKey?: string;
  readonly environment: Pick<Environment, "env" | "userId" | "homeDirectory">;
  readonly role: DatabaseRole;
  /** What pg_stat_activity shows. */
  readonly applicationName: string;
  readonly maxConnections?: number;
  /**
   * True for the daemon: an embedded server that dies is started again, and the server stops when this is closed, even
   * under an administrator's psql. Other processes of ours that still work with it keep it in both cases.
   */
  readonly keepsServer?: boolean;
  readonly logger?: DatabaseLogger;
};

/**
 * Opens our own database: the one that the settings name, else the embedded cluster, which is made and started where need be. One connection
 * is made to see that it answers. Close it, else the embedded server stays.
 * Throws DATABASE_UNREACHABLE, DATABASE_UNSUPPORTED, and what the embedded server's start throws.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  return options.settings.databaseUrl === null
    ? openEmbedded(options)
    : openExternal(options, options.settings.databaseUrl);
}

async function openExternal(options: OpenDatabaseOptions, url: string): Promise<Database> {
  const parts = parseDatabaseUrl(url);
  const pool = openPool({
    url: databaseUrlWithoutPassword(url),
    password: () => findExternalPassword(parts, options.environment),
    role: options.role,
    applicationName: options.applicationName,
    maxConnections: options.maxConnections ?? defaultConnections,
    plain: false,
    onIdleError: tellIdleError(options),
  });
  await demandAnswer(pool, parts, options.urlKey);
  let closed: Promise<void> | null = null;
  return {
    pool,
    url: databaseUrlWithoutPassword(url),
    password: parts.password,
    embedded: false,
    close: () => (closed ??= pool.end()),
  };
}

async function openEmbedded(options: OpenDatabaseOptions): Promise<Database> {
  const { home } = options.settings;
  await createHome(options.settings, options.environment.userId);
  const embedded = { home, environment: options.environment };
  const entered = await enterEmbeddedServer(embedded);
  let { server } = entered;
  const login: LoginRole = options.role === "owner" ? "postgres" : "backup_awareness";
  const leave = () => leaveEmbeddedServer(home, entered.entry, { evenWithClients: options.keepsServer === true });
  const pool = openPool({
    url: embeddedUrl(home, server.port, login),
    password: () => Promise.resolve(server.passwords[login]),
    role: options.role,
    applicationName: options.applicationName,
    maxConnections: options.maxConnections ?? defaultConnections,
    plain: true,
    onIdleError: tellIdleError(options),
  });
  try {
    await demandAnswer(pool, { host: embeddedHost, port: server.port, user: login, database: embeddedDatabaseName });
  } catch (error) {
    await leave();
    throw error;
  }
  let failing = false;
  const watch = options.keepsServer === true ? watchServer() : null;
  let closed: Promise<void> | null = null;
  return {
    pool,
    get url() {
      return embeddedUrl(home, server.port, login);
    },
    password: null,
    embedded: true,
    close: () => (closed ??= close()),
  };

  async function close(): Promise<void> {
    await watch?.end();
    await pool.end();
    await leave();
  }

  function watchServer() {
    let reviving: Promise<void> | null = null;
    const timer = setInterval(() => {
      reviving ??= revive().finally(() => {
        reviving = null;
      });
    }, watchPeriodMs);
    timer.unref();
    return {
      async end(): Promise<void> {
        clearInterval(timer);
        await reviving;
      },
    };
  }

  async function revive(): Promise<void> {
    if (await isServer(server.pid)) return;
    if (!failing) options.logger?.warn({ pid: server.pid }, "the embedded PostgreSQL is gone; it is started again");
    try {
      server = await reviveEmbeddedServer(embedded);
      pool.options.port = server.port;
      failing = false;
      options.logger?.info({ pid: server.pid, port: server.port }, "the embedded PostgreSQL runs again");
    } catch (error) {
      // Said once: it is tried at every look.
      if (!failing) options.logger?.warn({ err: error }, "the embedded PostgreSQL could not be started again");
      failing = true;
    }
  }
}

/**
 * The URL by which psql reaches our own database as this role; it never holds a password. For the embedded cluster it
 * names the role's passfile; null while the cluster has never run. For a database of the administrator's own, `postgres` means
 * the user that the settings name.
 */
export async function databaseUrl(
  settings: Pick<Settings, "home" | "databaseUrl">,
  role: LoginRole,
): Promise<string | null> {
  if (settings.databaseUrl !== null) {
    return databaseUrlWithoutPassword(settings.databaseUrl, role === "backup_reporter" ? { user: role } : {});
  }
  const port = await readPort(embeddedPlaces(settings.home));
  return port === null ? null : embeddedUrl(settings.home, port, role);
}

function embeddedUrl(home: string, port: number, role: LoginRole): string {
  const passfile = encodeURIComponent(embeddedPlaces(home).passfile(role));
  return `postgres://${role}@${embeddedHost}:${port}/${embeddedDatabaseName}?passfile=${passfile}`;
}

/** A password as libpq looks for it: in the URL, in PGPASSWORD, in the URL's passfile, else PGPASSFILE or ~/.pgpass. null: none is known. */
export async function findExternalPassword(
  parts: DatabaseUrlParts,
  environment: Pick<Environment, "env" | "homeDirectory">,
): Promise<string | null> {
  const { env, homeDirectory } = environment;
  const given = parts.password ?? env["PGPASSWORD"];
  if (given !== undefined && given !== "") return given;
  const file = parts.passfile ?? env["PGPASSFILE"] ?? join(homeDirectory, ".pgpass");
  if (!isAbsolute(file)) return null;
  const user = parts.user ?? env["PGUSER"] ?? env["USER"] ?? "";
  const wanted = {
    host: parts.host ?? env["PGHOST"] ?? "localhost",
    port: parts.port,
    user,
    database: parts.database ?? env["PGDATABASE"] ?? user,
  };
  return findPassword(file, wanted);
}

async function demandAnswer(
  pool: Pool,
  parts: Pick<DatabaseUrlParts, "host" | "port" | "user" | "database">,
  urlKey?: string,
): Promise<void> {
  try {
    const client = await pool.connect();
    client.release();
  } catch (error) {
    await pool.end();
    throw translateConnectionError(error, parts, urlKey);
  }
}

function tellIdleError(options: OpenDatabaseOptions): (error: Error) => void {
  return (error) => {
    options.logger?.warn({ reason: error.message }, "an idle database connection was lost");
  };
}
