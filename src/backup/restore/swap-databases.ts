import type pg from "pg";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { describeSession, readSessions } from "./inspect-target.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-statements.ts";
import { withConnection, type TargetServer } from "./target-server.ts";

/** Renaming waits five seconds by itself for sessions to end; somebody may also hold the database's lock. */
const lockTimeout = "15s";
const swapTimeoutMs = 60_000;
const endSessionsEveryMs = 100;

export type Swap = {
  readonly server: TargetServer;
  readonly maintenanceDatabase: string;
  /** Its oid: names change, it does not. */
  readonly restoringOid: number;
  readonly restoring: string;
  readonly database: string;
  /** The name that the present one gets; null: there is none. */
  readonly former: string | null;
  /** Of the restored database. */
  readonly comment: string | null;
  /** Whose sessions in the present database may be ended. */
  readonly mayEnd: (application: string) => boolean;
};

/**
 * Puts the restored database in the place of the present one. Both renamings are one transaction: there is no moment at which the name leads nowhere or
 * to half of a database. New connections wait meanwhile. Throws RESTORE_FAILED, naming who is connected, with everything as it was.
 */
export async function swapDatabases(swap: Swap): Promise<void> {
  const { server, maintenanceDatabase } = swap;
  const client = await server.connect(maintenanceDatabase);
  const ending = endSessions(swap);
  try {
    await renameBoth(client, swap);
  } catch (error) {
    if (await isSwapped(swap)) return;
    throw await explained(swap, error);
  } finally {
    await ending.stop();
    await client.end().catch(() => undefined);
  }
}

async function renameBoth(client: pg.Client, { restoring, database, former, comment }: Swap): Promise<void> {
  const statements = [
    "begin",
    `set local lock_timeout = '${lockTimeout}'`,
    "set local synchronous_commit = on",
    ...(former === null ? [] : [`alter database ${quoteIdentifier(database)} rename to ${quoteIdentifier(former)}`]),
    `alter database ${quoteIdentifier(restoring)} rename to ${quoteIdentifier(database)}`,
    `comment on database ${quoteIdentifier(database)} is ${comment === null ? "null" : quoteLiteral(comment)}`,
    "commit",
  ];
  for (const text of statements) await client.query({ text, ...{ query_timeout: swapTimeoutMs } });
}

/**
 * Ends, as long as the renaming waits, the sessions that may be ended. The renaming holds the database's lock, so that nobody comes back.
 */
function endSessions({ server, maintenanceDatabase, database, former, mayEnd }: Swap): { stop(): Promise<void> } {
  let isStopped = false;
  const work = async (): Promise<void> => {
    if (former === null) return;
    await withConnection(server, maintenanceDatabase, async (client) => {
      while (!isStopped) {
        const sessions = await readSessions(client, database);
        const pids = sessions.filter(({ application }) => mayEnd(application)).map(({ pid }) => pid);
        if (pids.length > 0)
          await client.query("select pg_catalog.pg_terminate_backend(p) from unnest($1::int[]) p", [pids]);
        await client.query("select pg_catalog.pg_sleep($1)", [endSessionsEveryMs / 1000]);
      }
    });
  };
  // What could not be ended is in the way of the renaming, which tells.
  const done = work().catch(() => undefined);
  return {
    async stop() {
      isStopped = true;
      await done;
    },
  };
}

/** An answer to the commit may be lost on its way. */
async function isSwapped({ server, maintenanceDatabase, restoringOid, database }: Swap): Promise<boolean> {
  try {
    return await withConnection(server, maintenanceDatabase, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        "select datname as name from pg_catalog.pg_database where oid = $1",
        [restoringOid],
      );
      return rows[0]?.name === database;
    });
  } catch {
    return false;
  }
}

async function explained(
  { server, maintenanceDatabase, database }: Swap,
  error: unknown,
): Promise<BackupAwarenessError> {
  const said = error instanceof Error ? error.message : String(error);
  const isInUse = error instanceof Error && "code" in error && (error.code === "55006" || error.code === "55P03");
  const sessions = isInUse
    ? await withConnection(server, maintenanceDatabase, (client) => readSessions(client, database)).catch(() => [])
    : [];
  const who = sessions.length === 0 ? "" : ` (${sessions.map(describeSession).join("; ")})`;
  return new BackupAwarenessError(
    "RESTORE_FAILED",
    `the restored database could not be put in its place: ${said}${who}`,
    {
      hint: isInUse
        ? "stop the application, or add --disconnect to have the sessions ended"
        : "nothing was renamed; look at the server's log",
      cause: error,
    },
  );
}
