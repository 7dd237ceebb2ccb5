import type { Pool } from "pg";
import { callProcedure } from "./procedure-errors.ts";

/** A way by which notifications leave, as it is kept. */
export type Channel = {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  /** Without its secrets. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly addedAt: Date;
  readonly addedBy: string;
  /** Tries that failed since the last one that was accepted. */
  readonly failures: number;
  /** null: its last message was accepted. */
  readonly failingSince: Date | null;
  /** What the other side answered to the last try that failed. */
  readonly fault: string | null;
  readonly retryAt: Date | null;
  /** When a message was accepted last. */
  readonly acceptedAt: Date | null;
  /** Notifications that wait to be sent. */
  readonly waiting: number;
};

export type ChannelToAdd = {
  readonly name: string;
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Encrypted; null: it has none. */
  readonly secrets: Buffer | null;
  /** list: what waits becomes one message; single: one message for each, unless many wait. */
  readonly grouping: "list" | "single";
};

/** Adds a channel and returns its number. @throws CHANNEL_INVALID */
export async function addChannel(pool: Pool, channel: ChannelToAdd, actor: string): Promise<number> {
  return callProcedure("CHANNEL_INVALID", async () => {
    const { rows } = await pool.query<{ id: string }>(
      "select backup_awareness.add_channel($1, $2, $3, $4, $5, $6) as id",
      [channel.name, channel.kind, JSON.stringify(channel.config), channel.secrets, channel.grouping, actor],
    );
    return Number(rows[0]?.id);
  });
}

/** Gives a channel another configuration, secrets included; what waits for it is tried at once. @throws CHANNEL_UNKNOWN */
export async function setChannel(
  pool: Pool,
  channel: Pick<ChannelToAdd, "name" | "config" | "secrets">,
  actor: string,
): Promise<void> {
  await callProcedure("CHANNEL_INVALID", () =>
    pool.query("select backup_awareness.set_channel($1, $2, $3, $4)", [
      channel.name,
      JSON.stringify(channel.config),
      channel.secrets,
      actor,
    ]),
  );
}

/** Removes a channel with its rules; what waits for it is never sent, its deliveries stay. @throws CHANNEL_UNKNOWN */
export async function removeChannel(pool: Pool, name: string, actor: string): Promise<void> {
  await callProcedure("CHANNEL_INVALID", () =>
    pool.query("select backup_awareness.remove_channel($1, $2)", [name, actor]),
  );
}

/** The channels, by name. */
export async function readChannels(pool: Pool): Promise<readonly Channel[]> {
  return callProcedure("CHANNEL_INVALID", async () => {
    const { rows } = await pool.query<{
      id: string;
      name: string;
      kind: string;
      config: Record<string, unknown>;
      added_at: Date;
      added_by: string;
      failures: number;
      failing_since: Date | null;
      fault: string | null;
      retry_at: Date | null;
      accepted_at: Date | null;
      waiting: number;
    }>(
      `select c.id, c.name, c.kind, c.config, c.added_at, c.added_by, c.failures, c.failing_since, c.fault, c.retry_at, c.accepted_at,
              (select count(*)::integer from backup_awareness.notification n
               where n.channel_id = c.id and n.state in ('queued', 'sending')) as waiting
       from backup_awareness.channel c where c.removed_at is null order by c.name`,
    );
    return rows.map((row) => ({
      id: Number(row.id),
      name: row.name,
      kind: row.kind,
      config: row.config,
      addedAt: row.added_at,
      addedBy: row.added_by,
      failures: row.failures,
      failingSince: row.failing_since,
      fault: row.fault,
      retryAt: row.retry_at,
      acceptedAt: row.accepted_at,
      waiting: row.waiting,
    }));
  });
}

/** What a message is sent with. */
export type StoredChannel = {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly secrets: Buffer | null;
  readonly failures: number;
};

/** A channel with its encrypted secrets, by number or name; null: there is none. */
export async function readStoredChannel(pool: Pool, which: number | string): Promise<StoredChannel | null> {
  return callProcedure("CHANNEL_INVALID", async () => {
    const { rows } = await pool.query<{
      id: string;
      name: string;
      kind: string;
      config: Record<string, unknown>;
      secrets: Buffer | null;
      failures: number;
    }>(
      `select id, name, kind, config, secrets, failures from backup_awareness.channel
       where removed_at is null and case when $1::bigint is null then name = $2 else id = $1 end`,
      typeof which === "number" ? [which, null] : [null, which],
    );
    const row = rows[0];
    return row === undefined ? null : { ...row, id: Number(row.id) };
  });
}
