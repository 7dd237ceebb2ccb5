import type { ImporterSettings } from "./settings.ts";

/** Every setting: its key in config.toml (null: only by environment) and its variable. docs/settings.md is compared with it by a test. */
export const settingKeys = {
  home: { key: null, variable: "BACKUP_AWARENESS_HOME" },
  config: { key: null, variable: "BACKUP_AWARENESS_CONFIG" },
  fqdn: { key: "fqdn", variable: "BACKUP_AWARENESS_FQDN" },
  listen: { key: "listen", variable: "BACKUP_AWARENESS_LISTEN" },
  databaseUrl: { key: "database.url", variable: "BACKUP_AWARENESS_DATABASE_URL" },
  /** NAME stands for a scope's name. */
  scopeUrl: { key: "scopes.NAME.url", variable: "BACKUP_AWARENESS_SCOPES_NAME_URL" },
  filesPaths: { key: "scopes.files.paths", variable: "BACKUP_AWARENESS_SCOPES_FILES_PATHS" },
  filesExclude: { key: "scopes.files.exclude", variable: "BACKUP_AWARENESS_SCOPES_FILES_EXCLUDE" },
  archiveDirectory: { key: "archive.directory", variable: "BACKUP_AWARENESS_ARCHIVE_DIRECTORY" },
  allowPrivateAddresses: {
    key: "notification.allow_private_addresses",
    variable: "BACKUP_AWARENESS_NOTIFICATION_ALLOW_PRIVATE_ADDRESSES",
  },
  allowCommand: { key: "notification.allow_command", variable: "BACKUP_AWARENESS_NOTIFICATION_ALLOW_COMMAND" },
  publicUrl: { key: "notification.public_url", variable: "BACKUP_AWARENESS_NOTIFICATION_PUBLIC_URL" },
  metricsListen: { key: "metrics.listen", variable: "BACKUP_AWARENESS_METRICS_LISTEN" },
  metricsMaxEngines: { key: "metrics.max_engines", variable: "BACKUP_AWARENESS_METRICS_MAX_ENGINES" },
} as const satisfies Record<string, { key: string | null; variable: string }>;

/** An importer as config.toml has it; the engine may be left out. */
export type GivenImporter = Omit<ImporterSettings, "fqdn"> & { readonly fqdn: string | null };

/** What one source, a file or the environment, says. Absent: it says nothing of it. */
export type GivenSettings = {
  readonly fqdn?: string;
  readonly listen?: { readonly host: string; readonly port: number };
  readonly databaseUrl?: string;
  /** By scope's name. */
  readonly scopeUrls?: Readonly<Record<string, string>>;
  readonly filesPaths?: readonly string[];
  readonly filesExclude?: readonly string[];
  readonly archiveDirectory?: string;
  readonly allowPrivateAddresses?: readonly string[];
  readonly allowCommand?: boolean;
  readonly publicUrl?: string;
  readonly metricsListen?: { readonly host: string; readonly port: number };
  readonly metricsMaxEngines?: number;
  readonly importers?: readonly GivenImporter[];
};
