import type { Pool, PoolClient } from "pg";

/** The connections that a pool has open, whether they are in use or not. */
export type TrackedConnections = {
  /**
   * Cuts all of them at once: what waits for an answer from a server that is gone fails now and not when TCP gives up. The pool makes new
   * ones.
   */
  cut(): void;
};

/**
 * Follows a pool's connections from now on. A connection that is lost while somebody uses it no longer ends the process: the query
 * under way fails, which its caller sees.
 */
export function trackConnections(pool: Pool): TrackedConnections {
  const open = new Set<PoolClient>();
  pool.on("connect", (client) => {
    client.on("error", () => undefined);
    open.add(client);
  });
  pool.on("remove", (client) => open.delete(client));
  return {
    cut: () => {
      // `end()` would wait for a server that no longer answers.
      for (const client of open) client.connection.stream.destroy();
    },
  };
}
