import type { FastifyInstance } from "fastify";
import type { Health } from "../../awareness/health.ts";

/** GET and HEAD /health: 200 while database and check are in order, 503 with the reasons otherwise. Never cached. */
export function addHealthRoute(server: FastifyInstance, readHealth: () => Promise<Health>): void {
  server.get("/health", async (_request, reply) => {
    const health = await readHealth();
    return reply
      .code(health.status === "ok" ? 200 : 503)
      .header("cache-control", "no-store")
      .send(health);
  });
}
