import { join } from "node:path";
import { homePlaces } from "../../settings/settings.ts";

/** The roles of the embedded cluster that log in. `postgres` is its superuser. */
export const loginRoles = ["postgres", "backup_awareness", "backup_reporter"] as const;
export type LoginRole = (typeof loginRoles)[number];

/** The one database of the embedded cluster. */
export const embeddedDatabaseName = "backup_awareness";

/** It listens here and nowhere else. */
export const embeddedHost = "127.0.0.1";

/** Where the embedded cluster keeps its things, below home. */
export function embeddedPlaces(home: string) {
  const directory = join(home, homePlaces.postgres);
  return {
    directory,
    /** PostgreSQL's data directory. */
    data: join(directory, "data"),
    /** A data directory in the making is named so and some more; only a complete one is renamed to `data`. */
    unfinishedData: join(directory, "data.unfinished-"),
    /** Held by whoever starts or stops the server. */
    lock: join(directory, "lock"),
    /** One file for each process that works with the server. */
    users: join(directory, "users"),
    /** The port, kept from start to start. */
    port: join(directory, "port"),
    log: join(directory, "log"),
    /** What the server says before it has opened its own log. */
    startLog: join(directory, "log", "start.log"),
    passfile: (role: LoginRole) => join(directory, `${role}.pgpass`),
  } as const;
}

export type EmbeddedPlaces = ReturnType<typeof embeddedPlaces>;
