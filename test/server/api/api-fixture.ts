import type { FastifyInstance } from "fastify";
import type pg from "pg";
import { pino } from "pino";
import { type ApiClient, apiClient } from "../../../src/contract/api/client.ts";
import { type TokenKind, tokenKinds } from "../../../src/contract/api/permissions.ts";
import { openPool } from "../../../src/database/open-pool.ts";
import { createToken } from "../../../src/database/tokens.ts";
import { scraper } from "../../../src/server/metrics/scrape.ts";
import { buildServer } from "../../../src/server/server.ts";
import { createMigratedDatabase } from "../../support/migrated-database.ts";
import { testServers } from "../../support/servers.ts";

/** The API on a database of its own, with the rights that the daemon has and no more. */
export type ApiFixture = {
  /** As the daemon. */
  readonly pool: pg.Pool;
  /** As the superuser: for what only a test may do. */
  readonly superuserUrl: string;
  readonly server: FastifyInstance;
  readonly tokens: Readonly<Record<TokenKind, string>>;
  /** A client that bears a token of that kind, or that token, or none. */
  api(token: TokenKind | null | { readonly secret: string }): ApiClient;
  close(): Promise<void>;
};

export const ownFqdn = "own.example.com";
const metricsMaxEngines = 5;

export async function startApi(): Promise<ApiFixture> {
  const [testServer] = testServers;
  if (testServer === undefined) throw new Error("no PostgreSQL server");
  const database = await createMigratedDatabase(testServer, { ownFqdn });
  const pool = openPool({
    url: database.url,
    password: () => Promise.resolve(decodeURIComponent(new URL(database.url).password)),
    role: "daemon",
    applicationName: "api test",
    maxConnections: 14,
    plain: true,
    onIdleError: () => undefined,
  });
  const logger = pino({ level: process.env["API_TEST_LOG"] ?? "silent" });
  const server = buildServer({
    logger,
    readHealth: () => Promise.reject(new Error("not asked here")),
    api: {
      pool: () => pool,
      settings: { fqdn: ownFqdn, protectsOnlyItself: true },
      programVersion: "0.1.0",
      now: () => new Date(),
      logger,
    },
    scrape: scraper({
      pool: () => pool,
      mostEngines: metricsMaxEngines,
      build: { version: "0.1.0", nodeVersion: process.versions.node },
      logger,
    }),
  });
  const tokens: Partial<Record<TokenKind, string>> = {};
  for (const kind of tokenKinds) {
    const engine = kind === "report" ? "*" : null;
    tokens[kind] = (await createToken(pool, { name: kind, kind, engine, expiresAt: null }, "test")).secret;
  }
  const known = tokens as Record<TokenKind, string>;
  return {
    pool,
    superuserUrl: database.url,
    server,
    tokens: known,
    api: (token) =>
      apiClient({
        ...(token === null ? {} : { token: typeof token === "string" ? known[token] : token.secret }),
        fetch: async (url, init) => {
          const answer = await server.inject({
            url,
            method: (init.method ?? "GET") as "GET",
            headers: init.headers as Record<string, string>,
            ...(init.body === undefined ? {} : { payload: init.body as string }),
          });
          return new Response(answer.statusCode === 204 ? null : answer.body, { status: answer.statusCode });
        },
      }),
    close: async () => {
      await server.close();
      await pool.end();
      await database.drop();
    },
  };
}
