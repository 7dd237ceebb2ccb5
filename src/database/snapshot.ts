import type { Pool, PoolClient } from "pg";
import { callProcedure } from "./procedure-errors.ts";

/** What can be asked: a pool, or one connection of it in a transaction of its own. */
export type Queries = Pick<Pool, "query">;

/**
 * Reads everything at one moment: `work` sees the database as it was when it began, and no statement of it may take longer than
 * `statementTimeoutMs`. It cannot write.
 *
 * @throws DATABASE_BUSY where a statement took too long; what `work` throws
 */
export async function withSnapshot<Result>(
  pool: Pool,
  statementTimeoutMs: number,
  work: (queries: Queries) => Promise<Result>,
): Promise<Result> {
  const client = await callProcedure<PoolClient>("INTERNAL", () => pool.connect());
  let isIdle = false;
  try {
    return await callProcedure("INTERNAL", async () => {
      await client.query("begin isolation level repeatable read read only");
      await client.query("select set_config('statement_timeout', $1, true)", [String(statementTimeoutMs)]);
      const result = await work(client);
      await client.query("commit");
      isIdle = true;
      return result;
    });
  } finally {
    // What failed in the midst of its transaction is not used again.
    client.release(!isIdle);
  }
}
