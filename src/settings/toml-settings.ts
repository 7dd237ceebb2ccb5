import { scopePattern } from "../contract/scope.ts";
import { nearestWord } from "./nearest-word.ts";
import { importerKeys, readImporter } from "./importer-settings.ts";
import type { GivenImporter, GivenSettings } from "./setting-keys.ts";
import {
  readAbsolutePath,
  readCount,
  readDatabaseUrl,
  readFlag,
  readFqdn,
  readHttpUrl,
  readListen,
  readNetworks,
  readPaths,
  readPatterns,
  settingError,
} from "./setting-values.ts";

type Table = Readonly<Record<string, unknown>>;

/** What a parsed config.toml says; `file` is its path, for errors. Throws SETTINGS_INVALID; an unknown key is an error. */
export function tomlSettings(parsed: unknown, file: string): GivenSettings {
  const root = readTable(parsed, file, "", [
    "fqdn",
    "listen",
    "database",
    "scopes",
    "archive",
    "notification",
    "metrics",
    "importers",
  ]);
  const database = readTable(root["database"] ?? {}, file, "database", ["url"]);
  const archive = readTable(root["archive"] ?? {}, file, "archive", ["directory"]);
  return {
    ...ifGiven(root["fqdn"], (value) => ({ fqdn: readFqdn(value, `${file}: fqdn`) })),
    ...ifGiven(root["listen"], (value) => ({ listen: readListen(value, `${file}: listen`) })),
    ...ifGiven(database["url"], (value) => ({ databaseUrl: readDatabaseUrl(value, `${file}: database.url`) })),
    ...ifGiven(archive["directory"], (value) => ({
      archiveDirectory: readAbsolutePath(value, `${file}: archive.directory`),
    })),
    ...scopeSettings(root["scopes"] ?? {}, file),
    ...notificationSettings(root["notification"] ?? {}, file),
    ...metricsSettings(root["metrics"] ?? {}, file),
    ...ifGiven(root["importers"], (value) => ({ importers: readImporters(value, file) })),
  };
}

function scopeSettings(value: unknown, file: string): GivenSettings {
  const scopes = readTable(value, file, "scopes", null);
  const scopeUrls: Record<string, string> = {};
  for (const scope of Object.keys(scopes).filter((name) => name !== "files")) {
    if (!scopePattern.test(scope)) {
      throw settingError(
        `${file}: scopes`,
        scope,
        "is no name of a scope",
        "small letters, digits, _ and -, beginning with a letter, at most 64",
      );
    }
    const path = `scopes.${scope}`;
    const { url } = readTable(scopes[scope], file, path, ["url"]);
    if (url !== undefined) scopeUrls[scope] = readDatabaseUrl(url, `${file}: ${path}.url`);
    // db alone has a default.
    else if (scope !== "db")
      throw settingError(`${file}: ${path}`, scopes[scope], "names no url", `add url = "postgres://…" below [${path}]`);
  }
  const files = readTable(scopes["files"] ?? {}, file, "scopes.files", ["paths", "exclude"]);
  return {
    scopeUrls,
    ...ifGiven(files["paths"], (paths) => ({ filesPaths: readPaths(paths, `${file}: scopes.files.paths`) })),
    ...ifGiven(files["exclude"], (patterns) => ({
      filesExclude: readPatterns(patterns, `${file}: scopes.files.exclude`),
    })),
  };
}

function notificationSettings(value: unknown, file: string): GivenSettings {
  const known = ["allow_private_addresses", "allow_command", "public_url"];
  const notification = readTable(value, file, "notification", known);
  const where = (key: string): string => `${file}: notification.${key}`;
  return {
    ...ifGiven(notification["allow_private_addresses"], (networks) => ({
      allowPrivateAddresses: readNetworks(networks, where("allow_private_addresses")),
    })),
    ...ifGiven(notification["allow_command"], (flag) => ({ allowCommand: readFlag(flag, where("allow_command")) })),
    ...ifGiven(notification["public_url"], (url) => ({ publicUrl: readHttpUrl(url, where("public_url")) })),
  };
}

function metricsSettings(value: unknown, file: string): GivenSettings {
  const metrics = readTable(value, file, "metrics", ["listen", "max_engines"]);
  return {
    ...ifGiven(metrics["listen"], (at) => ({ metricsListen: readListen(at, `${file}: metrics.listen`) })),
    ...ifGiven(metrics["max_engines"], (count) => ({
      metricsMaxEngines: readCount(count, `${file}: metrics.max_engines`),
    })),
  };
}

function readImporters(value: unknown, file: string): readonly GivenImporter[] {
  const tables = readTable(value, file, "importers", null);
  return Object.entries(tables).map(([name, table]) => {
    const keys = readTable(table, file, `importers.${name}`, importerKeys);
    return readImporter(name, keys, `${file}: importers.${name}`);
  });
}

/** A table that holds none but the known keys; null: any. `path` is the table's own key, empty for the whole file. */
function readTable(value: unknown, file: string, path: string, known: readonly string[] | null): Table {
  const where = path === "" ? file : `${file}: ${path}`;
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Date) {
    throw settingError(
      where,
      value,
      "is no table",
      path === "" ? "see docs/settings.md for an example" : `write [${path}] and its keys below`,
    );
  }
  for (const key of Object.keys(value)) {
    if (known === null || known.includes(key)) continue;
    const dotted = path === "" ? key : `${path}.${key}`;
    const meant = nearestWord(key, known);
    const hint =
      meant === null
        ? `known here: ${known.join(", ")}`
        : `did you mean "${path === "" ? meant : `${path}.${meant}`}"?`;
    throw settingError(file, dotted, "is no setting", hint);
  }
  return value as Table;
}

function ifGiven(value: unknown, read: (value: unknown) => GivenSettings): GivenSettings {
  return value === undefined ? {} : read(value);
}
