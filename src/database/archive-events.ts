import type { Pool } from "pg";
import type { EventType } from "../contract/event.ts";
import { callProcedure } from "./procedure-errors.ts";

export type ArchiveEventType = Extract<EventType, `ARCHIVE${string}`>;

export type ArchiveEvent = {
  readonly type: ArchiveEventType;
  readonly fqdn: string;
  readonly message: string;
  /** Who did it, as `alice@host via engine-backup`. */
  readonly actor: string;
};

/** Says in the audit log what became of an archive. Calling twice logs twice. */
export async function logArchiveEvent(pool: Pool, { type, fqdn, message, actor }: ArchiveEvent): Promise<void> {
  await callProcedure("INTERNAL", () =>
    pool.query("select backup_awareness.log_archive_event($1, $2, $3, $4)", [
      type,
      fqdn,
      message.replaceAll("\0", "\u{FFFD}"),
      actor,
    ]),
  );
}
