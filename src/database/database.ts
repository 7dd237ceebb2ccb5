import type { Pool } from "pg";

/**
 * Which rights a connection wants. `daemon`: what the daemon and the operators' commands need, and no more; `owner`:
 * migrations, and dumping our own database.
 */
export type DatabaseRole = "daemon" | "owner";

/** An open way to our own database, embedded or not. */
export type Database = {
  readonly pool: Pool;
  /** What pg_dump and psql would connect with; holds no password (`?passfile=` or the caller's own environment). */
  readonly url: string;
  /** The password for child processes' PGPASSWORD, where there is one that they do not find themselves. */
  readonly password: string | null;
  /** True for the embedded cluster. */
  readonly embedded: boolean;
  /** Ends the pool and, where this call started the embedded server and nobody else uses it, stops that. Calling twice is safe. */
  close(): Promise<void>;
};
