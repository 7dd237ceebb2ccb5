import pg from "pg";
import { parse, toClientConfig } from "pg-connection-string";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { DatabaseRole } from "./database.ts";
import { oldestPostgresMajor } from "./embedded/choose-postgres.ts";

const connectTimeoutMs = 5_000;
const keepAliveAfterMs = 30_000;

export type PoolOptions = {
  readonly url: string;
  /** Asked for at every new connection. null: none is known. */
  readonly password: () => Promise<string | null>;
  readonly role: DatabaseRole;
  readonly applicationName: string;
  readonly maxConnections: number;
  /** Never TLS, whatever PGSSLMODE says: the embedded server has none. */
  readonly plain: boolean;
  /** Told when a connection that nobody uses is lost. */
  readonly onIdleError: (error: Error) => void;
};

/**
 * A pool whose every session has been looked at before it is handed out: the server is new enough, and a `daemon` session has put
 * on the role backup_awareness where it exists and the login may. A lost idle connection never ends the process.
 */
export function openPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    Client: TidyClient,
    ...toClientConfig(parse(options.url)),
    password: async () => (await options.password()) ?? "",
    ...(options.plain ? { ssl: false } : {}),
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    max: options.maxConnections,
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- pg-pool waits for it; its types do not say so
    onConnect: (client) => prepareSession(client, options.role),
  });
  pool.on("error", options.onIdleError);
  return pool;
}

/**
 * pg leaves the socket open when it gives up by itself, for want of a password for one; the server then keeps the half-open session, and whoever drops
 * the database, waiting for a minute.
 */
class TidyClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    // A connection that is lost while somebody holds it between two queries would end the process; the next query tells him.
    this.on("error", () => undefined);
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<pg.Client> | void {
    const connected = super.connect().catch((error: unknown) => {
      this.end().catch(() => {
        // There was nothing to end.
      });
      throw error;
    });
    if (callback === undefined) return connected;
    connected.then(() => {
      callback(null);
    }, callback);
  }
}

/** A login's or a database's own settings may not change how times are read, or what a procedure sees of what it has locked. */
async function prepareSession(client: pg.ClientBase, role: DatabaseRole): Promise<void> {
  const { rows } = await client.query<{ version: string; number: number }>({
    text: `select pg_catalog.current_setting('server_version') as version, pg_catalog.current_setting('server_version_num')::int as number,
                  pg_catalog.set_config('datestyle', 'ISO, MDY', false),
                  pg_catalog.set_config('default_transaction_isolation', 'read committed', false)`,
    ...{ query_timeout: connectTimeoutMs },
  });
  const server = rows[0];
  if (server === undefined || server.number < oldestPostgresMajor * 10_000) {
    throw new BackupAwarenessError(
      "DATABASE_UNSUPPORTED",
      `the server is PostgreSQL ${server?.version ?? "of an unknown version"}`,
      {
        hint: `Backup Awareness needs PostgreSQL ${oldestPostgresMajor} or newer`,
      },
    );
  }
  if (role === "daemon") await client.query(putOnDaemonRole);
}

/** Nothing happens where the role does not exist yet (before the first migration) or the login is no member of it. */
const putOnDaemonRole = `
  select pg_catalog.set_config('role', rolname, false)
    from pg_catalog.pg_roles
   where rolname = 'backup_awareness' and session_user <> 'backup_awareness'
     and pg_catalog.pg_has_role(session_user, oid, case when pg_catalog.current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)`;
