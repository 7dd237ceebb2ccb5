import pg from "pg";
import { parse, toClientConfig } from "pg-connection-string";
import { databaseUrlWithoutPassword, parseDatabaseUrl } from "../../settings/database-url.ts";
import { translateConnectionError } from "../../database/connection-error.ts";
import { databaseAccess, type DatabaseAccess } from "../database-environment.ts";

const connectTimeoutMs = 15_000;
/** For statements that only look or name things; loading and counting have their own limits. */
const queryTimeoutMs = 60_000;

/** A login on a server, by which any of its databases can be reached. */
export type TargetServer = {
  /** The database that is restored. */
  readonly database: string;
  readonly user: string;
  /** `db.example.com:5432`, for messages. */
  readonly place: string;
  /** One connection to a database of this server. Throws DATABASE_UNREACHABLE. */
  connect(database: string): Promise<pg.Client>;
  /** What pg_restore and psql need to reach a database of this server. */
  access(database: string): DatabaseAccess;
};

export type TargetServerOptions = {
  /** Of the database that is restored, without a password. */
  readonly url: string;
  readonly password: string | null;
  readonly embedded: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The setting that names it, for hints. */
  readonly urlKey: string;
};

/** @throws TypeError where the URL is none */
export function targetServer(options: TargetServerOptions): TargetServer {
  const { url, password, embedded, env, urlKey } = options;
  const parts = parseDatabaseUrl(url);
  const user = parts.user ?? env["PGUSER"] ?? env["USER"] ?? "postgres";
  const database = parts.database ?? env["PGDATABASE"] ?? user;
  return {
    database,
    user,
    place: `${parts.host ?? env["PGHOST"] ?? "localhost"}:${parts.port}`,
    async connect(name) {
      const client = new pg.Client({
        ...toClientConfig(parse(databaseUrlWithoutPassword(url, { database: name }))),
        ...(parts.user === null ? { user } : {}),
        password: password ?? "",
        ...(embedded ? { ssl: false } : {}),
        application_name: "engine-backup",
        connectionTimeoutMillis: connectTimeoutMs,
        query_timeout: queryTimeoutMs,
        keepAlive: true,
      });
      client.on("error", () => {
        // The query that is under way fails with it and tells.
      });
      try {
        await client.connect();
      } catch (error) {
        await client.end().catch(() => undefined);
        throw translateConnectionError(error, { ...parts, user, database: name }, urlKey);
      }
      return client;
    },
    access(name) {
      return databaseAccess({ url: databaseUrlWithoutPassword(url, { database: name }), password, embedded }, env);
    },
  };
}

/** Runs `work` with one connection, which is closed afterwards. */
export async function withConnection<Result>(
  server: TargetServer,
  database: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = await server.connect(database);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
