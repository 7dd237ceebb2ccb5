import type { Pool, PoolClient } from "pg";

const queryTimeoutMs = 30_000;
/** What would end a transaction that is open for as long as a dump takes. */
const endlessly = `select pg_catalog.set_config(name, '0', false) from pg_catalog.pg_settings
                    where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`;

export type DumpSnapshot = {
  /** What pg_dump --snapshot takes. */
  readonly name: string;
  /** In the snapshot's transaction, repeatable read and read only. */
  readonly client: PoolClient;
  /** Ends the transaction, and whatever query is under way in it. Calling twice is safe. */
  close(): Promise<void>;
};

/** Holds one state of a database still, so that several sessions see the same. Throws what the server says. */
export async function openSnapshot(pool: Pool): Promise<DumpSnapshot> {
  const client = await pool.connect();
  let isOpen = true;
  let serverProcess: number | null = null;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    // A server does not notice that its client has gone before it has something to tell it.
    if (serverProcess !== null) {
      const call = {
        text: "select pg_catalog.pg_cancel_backend($1)",
        values: [serverProcess],
        ...{ query_timeout: queryTimeoutMs },
      };
      await pool.query(call).catch(() => undefined);
    }
    client.release(true);
  };
  try {
    const ask = (text: string) =>
      client.query<{ pid: number; snapshot: string }>({ text, ...{ query_timeout: queryTimeoutMs } });
    await ask(endlessly);
    await ask("begin isolation level repeatable read read only");
    const { rows } = await ask(
      "select pg_catalog.pg_backend_pid() as pid, pg_catalog.pg_export_snapshot() as snapshot",
    );
    serverProcess = rows[0]?.pid ?? null;
    return { name: rows[0]?.snapshot ?? "", client, close };
  } catch (error) {
    await close();
    throw error;
  }
}
