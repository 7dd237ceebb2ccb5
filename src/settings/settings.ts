import type { ImporterKind } from "../contract/importer.ts";

/** Where things are: config.toml and the environment, already checked. Policy is not here: see contract/option.ts. */
export type Settings = {
  /** Absolute path of the home: state, spool, archives, the embedded cluster. */
  readonly home: string;
  /** The config.toml that was read; null: there is none. */
  readonly configFile: string | null;
  /** This host's engine, in lower case. */
  readonly fqdn: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** null: the embedded cluster below home. */
  readonly databaseUrl: string | null;
  /** What engine-backup can back up. `db` and `files` are always there, by their defaults. */
  readonly scopes: ReadonlyMap<string, ScopeSettings>;
  readonly archiveDirectory: string;
  readonly notification: NotificationSettings;
  readonly metrics: MetricsSettings;
  /** The tools whose own lists the daemon reads, by name. */
  readonly importers: readonly ImporterSettings[];
  /** Neither scopes.db.url nor scopes.files.paths is set, so that a backup covers Backup Awareness itself and nothing else. */
  readonly protectsOnlyItself: boolean;
};

export type MetricsSettings = {
  /** Where /metrics is served without a token; null: nowhere. */
  readonly listen: Settings["listen"] | null;
  /** Beyond so many engines only the worst have series of their own. */
  readonly maxEngines: number;
};

export type NotificationSettings = {
  /** Networks, such as 10.0.0.0/8, that channels may connect to although they are private. */
  readonly allowPrivateAddresses: readonly string[];
  /** Whether a channel may run a local command. */
  readonly allowCommand: boolean;
  /** The web console's address as its users know it, for links; null: none is set. */
  readonly publicUrl: string | null;
};

export type ScopeSettings =
  | {
      readonly kind: "database";
      /** The application's database; null: Backup Awareness' own database. */
      readonly url: string | null;
    }
  | {
      readonly kind: "files";
      readonly paths: readonly string[];
      /** Patterns as GNU tar's --exclude takes them. */
      readonly exclude: readonly string[];
    };

/** A tool whose own list of backups is read. */
export type ImporterSettings = {
  readonly name: string;
  readonly kind: ImporterKind;
  readonly scope: string;
  /** The engine whose backups they are, in lower case. */
  readonly fqdn: string;
  /** What prints the list; null: the kind's own, or there is a path. */
  readonly command: readonly string[] | null;
  /** The directory that is the list; null: a command prints it. */
  readonly path: string | null;
  /** Of a directory's files, those that are dumps; null: all. */
  readonly pattern: string | null;
  readonly minimumBytes: number;
  /** Added to the daemon's own for the command. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of times that the list tells without one; an IANA name. */
  readonly timeZone: string;
  readonly everyMs: number;
  /** Where the list does not tell how a run ended, that it is listed counts as completed. */
  readonly acceptsUnknown: boolean;
};

/** The places below home. */
export const homePlaces = {
  postgres: "postgres",
  backups: "backups",
  log: "log",
  spool: "spool",
  /** Of `backup-awareness run --lock`. */
  locks: "locks",
} as const;
