import { fastify, type FastifyInstance } from "fastify";
import { addMetricsRoute } from "../routes/metrics.ts";

const requestTimeoutMs = 30_000;

/** A server of its own for /metrics alone, where who may connect may read: `metrics.listen`. It does not listen yet. */
export function buildMetricsServer(scrape: () => Promise<string>): FastifyInstance {
  const server = fastify({ logger: false, forceCloseConnections: true, requestTimeout: requestTimeoutMs });
  addMetricsRoute(server, { scrape, admit: () => Promise.resolve() });
  return server;
}
