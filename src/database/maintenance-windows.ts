import type { Pool } from "pg";
import { callProcedure } from "./procedure-errors.ts";

/** When notifications wait: once, or again and again. */
export type MaintenanceWindow = {
  /** Patterns of names, * and ? in them; empty: all engines. */
  readonly engines: readonly string[];
  readonly when: MaintenanceTime;
  readonly reason: string | null;
};

export type MaintenanceTime =
  | { readonly startsAt: Date; readonly endsAt: Date }
  | {
      /** 1 Monday to 7 Sunday: the days on which it begins. */
      readonly weekdays: readonly number[];
      /** `HH:MM`, in the time zone. */
      readonly localStart: string;
      readonly durationMinutes: number;
      /** A name that PostgreSQL knows, such as Europe/Berlin. */
      readonly timeZone: string;
    };

export type StoredWindow = MaintenanceWindow & {
  readonly id: number;
  readonly addedAt: Date;
  readonly addedBy: string;
};

/** Adds a maintenance window and returns its number. @throws MAINTENANCE_INVALID */
export async function addMaintenanceWindow(pool: Pool, window: MaintenanceWindow, actor: string): Promise<number> {
  const { when } = window;
  const once = "startsAt" in when;
  return callProcedure("MAINTENANCE_INVALID", async () => {
    const { rows } = await pool.query<{ id: string }>(
      "select backup_awareness.add_maintenance_window($1, $2, $3, $4, $5, $6, $7, $8, $9) as id",
      [
        window.engines,
        once ? when.startsAt : null,
        once ? when.endsAt : null,
        once ? null : when.weekdays,
        once ? null : when.localStart,
        once ? null : when.durationMinutes,
        once ? null : when.timeZone,
        window.reason,
        actor,
      ],
    );
    return Number(rows[0]?.id);
  });
}

/** Removes a maintenance window; what waited for its end is told. @throws MAINTENANCE_UNKNOWN */
export async function removeMaintenanceWindow(pool: Pool, id: number, actor: string): Promise<void> {
  await callProcedure("MAINTENANCE_INVALID", () =>
    pool.query("select backup_awareness.remove_maintenance_window($1, $2)", [id, actor]),
  );
}

/** The maintenance windows, by number; past ones too, until they are removed. */
export async function readMaintenanceWindows(pool: Pool): Promise<readonly StoredWindow[]> {
  return callProcedure("MAINTENANCE_INVALID", async () => {
    const { rows } = await pool.query<{
      id: string;
      engines: string[];
      starts_at: Date | null;
      ends_at: Date | null;
      weekdays: number[] | null;
      local_start: string | null;
      duration_minutes: number | null;
      time_zone: string | null;
      reason: string | null;
      added_at: Date;
      added_by: string;
    }>(
      `select id, engines, starts_at, ends_at, weekdays, to_char(local_start, 'HH24:MI') as local_start, duration_minutes, time_zone, reason,
              added_at, added_by
       from backup_awareness.maintenance_window order by id`,
    );
    return rows.map((row) => ({
      id: Number(row.id),
      engines: row.engines,
      when:
        row.starts_at !== null && row.ends_at !== null
          ? { startsAt: row.starts_at, endsAt: row.ends_at }
          : {
              weekdays: row.weekdays ?? [],
              localStart: row.local_start ?? "",
              durationMinutes: row.duration_minutes ?? 0,
              timeZone: row.time_zone ?? "",
            },
      reason: row.reason,
      addedAt: row.added_at,
      addedBy: row.added_by,
    }));
  });
}
