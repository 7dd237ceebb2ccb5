import type { FastifyInstance, FastifyRequest } from "fastify";
import { prometheusContentType } from "prom-client";

export type MetricsRouteOptions = {
  readonly scrape: () => Promise<string>;
  /** Rejects where the one who asks may not read. */
  readonly admit: (request: FastifyRequest) => Promise<void>;
};

/** GET /metrics in Prometheus' exposition format. It answers 200 also while the database is away: `backup_awareness_up 0`. */
export function addMetricsRoute(server: FastifyInstance, { scrape, admit }: MetricsRouteOptions): void {
  server.get("/metrics", {
    onRequest: (request) => admit(request),
    handler: async (_request, reply) => {
      const text = await scrape();
      return reply.header("cache-control", "no-store").type(prometheusContentType).send(text);
    },
  });
}
