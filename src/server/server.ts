import { fastify, type FastifyInstance, type FastifyReply } from "fastify";
import type { Logger } from "pino";
import type { Health } from "../awareness/health.ts";
import { isAllowed } from "../contract/api/permissions.ts";
import { problemContentType } from "../contract/api/problem.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { settingKeys } from "../settings/setting-keys.ts";
import type { Settings } from "../settings/settings.ts";
import { allHandlers } from "./api/all-handlers.ts";
import { EventHub } from "./api/event-hub.ts";
import type { ApiContext } from "./api/handlers.ts";
import { problemOf } from "./api/problems.ts";
import { findCaller, refusal, registerApi } from "./api/register-api.ts";
import { addSecurityHeaders } from "./security-headers.ts";
import { addHealthRoute } from "./routes/health.ts";
import { addMetricsRoute } from "./routes/metrics.ts";
import { addPingRoutes } from "./routes/ping.ts";

/** What the routes need. */
export type ServerOptions = {
  readonly logger: Logger;
  readonly readHealth: () => Promise<Health>;
  readonly api: ApiContext;
  /** What /metrics says. */
  readonly scrape: () => Promise<string>;
};

/** How long a client may take to send its request. */
const requestTimeoutMs = 30_000;
/** A thousand reports with some output each. Bytes. */
const longestBody = 8 * 1024 * 1024;
/** A name of 255 characters, each in UTF-8 and percent-encoded. */
const longestParameter = 255 * 12;

/** The HTTP server with all its routes, not listening yet; a test injects requests. Every answer is JSON. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: requestTimeoutMs,
    bodyLimit: longestBody,
    routerOptions: { maxParamLength: longestParameter },
  });
  addSecurityHeaders(server);
  const sendProblem = (reply: FastifyReply, error: unknown) => {
    const problem = problemOf(error);
    if (problem.retry_after_seconds !== undefined) reply.header("retry-after", problem.retry_after_seconds);
    if (problem.status === 401) reply.header("www-authenticate", "Bearer");
    return reply
      .code(problem.status)
      .header("cache-control", "no-store")
      .type(problemContentType)
      .serializer(JSON.stringify)
      .send(problem);
  };
  server.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new BackupAwarenessError("NOT_FOUND", `there is no ${request.method} ${pathOf(request.url).slice(0, 200)}`),
    ),
  );
  server.setErrorHandler((error, request, reply) => {
    if (problemOf(error).code === "INTERNAL")
      options.logger.error({ err: error, method: request.method, path: pathOf(request.url) }, "a request failed");
    return sendProblem(reply, error);
  });
  const hub = new EventHub(options.api.pool);
  server.addHook("preClose", async () => {
    hub.close();
  });
  registerApi(server, options.api, allHandlers(options.api, hub));
  addHealthRoute(server, options.readHealth);
  addMetricsRoute(server, {
    scrape: options.scrape,
    admit: async (request) => {
      const caller = await findCaller(options.api, request);
      if (!isAllowed("read", caller.kind)) throw refusal(caller);
    },
  });
  addPingRoutes(server, options.api);
  return server;
}

/**
 * Begins to listen. Returns the URL under which the server is reached from this host.
 * Throws SETTINGS_INVALID, naming the setting, when the address cannot be had.
 */
export async function listen(
  server: FastifyInstance,
  at: Settings["listen"],
  { key, variable }: ListenSetting = settingKeys.listen,
): Promise<string> {
  try {
    await server.listen({ host: at.host, port: at.port });
  } catch (error) {
    throw explainListenError(error, at, { key, variable });
  }
  const address = server.addresses().find((found) => typeof found === "object");
  return `http://${hostOf(address?.address ?? at.host)}:${address?.port ?? at.port}`;
}

type ListenSetting = { readonly key: string; readonly variable: string };

function explainListenError(error: unknown, at: Settings["listen"], { key, variable }: ListenSetting): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: "another program listens there",
    EACCES: "permission denied: ports below 1024 are root's",
    EADDRNOTAVAIL: "this machine has no such address",
    ENOTFOUND: "the name cannot be resolved",
    EAI_AGAIN: "the name cannot be resolved now",
  };
  const reason = typeof code === "string" ? reasons[code] : undefined;
  if (reason === undefined) return error;
  return new BackupAwarenessError(
    "SETTINGS_INVALID",
    `${key}: cannot listen on "${hostOf(at.host)}:${at.port}": ${reason}`,
    {
      hint: `set \`${key}\` in config.toml, or ${variable}, to a free address and port, such as "127.0.0.1:8481"`,
      cause: error,
    },
  );
}

/** As it stands in a URL; the addresses that mean "all of them" are reached as localhost. */
function hostOf(address: string): string {
  if (address === "0.0.0.0" || address === "::") return "localhost";
  return address.includes(":") ? `[${address}]` : address;
}

/** Without the query, in which a secret may stand. */
function pathOf(url: string): string {
  return url.split("?", 1)[0] ?? "/";
}
