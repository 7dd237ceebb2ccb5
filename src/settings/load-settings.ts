import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { parse, TomlError } from "smol-toml";
import { BackupAwarenessError } from "../contract/errors.ts";
import { environmentSettings } from "./environment-settings.ts";
import type { Environment } from "./environment.ts";
import { settingKeys, type GivenSettings } from "./setting-keys.ts";
import type { ScopeSettings, Settings } from "./settings.ts";
import { readAbsolutePath, readFqdn } from "./setting-values.ts";
import { tomlSettings } from "./toml-settings.ts";

const systemConfigFile = "/etc/backup-awareness/config.toml";
/** Of /metrics: some thousands of series, as a large exporter has. */
const defaultMaxEngines = 1_000;
const defaultListen = { host: "127.0.0.1", port: 8480 };

/**
 * The settings: the environment's, else config.toml's, else the defaults. docs/settings.md describes each.
 * Throws SETTINGS_INVALID, naming the file or variable, the key and the value (never a password).
 */
export async function loadSettings(environment: Environment, systemFile: string = systemConfigFile): Promise<Settings> {
  const home = findHome(environment);
  const configFile = await readConfigFile(environment, home, systemFile);
  const fromFile = configFile === null ? {} : tomlSettings(parseToml(configFile), configFile.path);
  const given = mergeSettings(fromFile, environmentSettings(environment.env, Object.keys(fromFile.scopeUrls ?? {})));
  const fqdn = given.fqdn ?? readFqdn(await environment.hostFqdn(), "the host's name");
  return {
    home,
    configFile: configFile?.path ?? null,
    fqdn,
    listen: given.listen ?? defaultListen,
    databaseUrl: given.databaseUrl ?? null,
    scopes: scopesOf(given, configFile === null ? home : dirname(configFile.path)),
    archiveDirectory: given.archiveDirectory ?? join(home, "backups"),
    notification: {
      allowPrivateAddresses: given.allowPrivateAddresses ?? [],
      allowCommand: given.allowCommand ?? false,
      publicUrl: given.publicUrl ?? null,
    },
    metrics: { listen: given.metricsListen ?? null, maxEngines: given.metricsMaxEngines ?? defaultMaxEngines },
    importers: (given.importers ?? []).map((importer) => ({ ...importer, fqdn: importer.fqdn ?? fqdn })),
    protectsOnlyItself: given.scopeUrls?.["db"] === undefined && given.filesPaths === undefined,
  };
}

/** BACKUP_AWARENESS_HOME; else root's is the system's place for state and everybody else's is in his own home directory. */
function findHome({ env, userId, homeDirectory }: Environment): string {
  const given = env[settingKeys.home.variable];
  if (given !== undefined && given !== "") return readAbsolutePath(given, settingKeys.home.variable);
  if (userId === 0) return "/var/lib/backup-awareness";
  const stateHome = env["XDG_STATE_HOME"];
  // The XDG specification says to ignore a relative one.
  const base = stateHome !== undefined && isAbsolute(stateHome) ? stateHome : join(homeDirectory, ".local", "state");
  return readAbsolutePath(join(base, "backup-awareness"), "the home");
}

type ConfigFile = { readonly path: string; readonly text: string };

/**
 * The one file that counts; they are not merged. The more particular wins: what BACKUP_AWARENESS_CONFIG names (and then it must exist), else the
 * home's own, else the machine's. Were the machine's first, a second home on the same machine, a trial say, would quietly
 * work on the database of the first.
 */
async function readConfigFile({ env }: Environment, home: string, systemFile: string): Promise<ConfigFile | null> {
  const variable = settingKeys.config.variable;
  const named = env[variable];
  if (named !== undefined && named !== "") {
    const path = readAbsolutePath(named, variable);
    const text = await readIfThere(path);
    if (text !== null) return { path, text };
    throw new BackupAwarenessError("SETTINGS_INVALID", `${variable} names "${path}", which does not exist`, {
      hint: `create the file, or unset ${variable}`,
    });
  }
  for (const path of [join(home, "config.toml"), systemFile]) {
    const text = await readIfThere(path);
    if (text !== null) return { path, text };
  }
  return null;
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    const denied = code === "EACCES" || code === "EPERM";
    const why = denied
      ? "permission denied"
      : error instanceof TypeError
        ? "it is not UTF-8"
        : error instanceof Error
          ? error.message
          : String(error);
    throw new BackupAwarenessError("SETTINGS_INVALID", `cannot read "${path}": ${why}`, {
      hint: denied
        ? "run as the user who owns it, with sudo for one, or name a file of your own with BACKUP_AWARENESS_CONFIG"
        : "correct the file",
      cause: error,
    });
  }
}

function parseToml(file: ConfigFile): unknown {
  try {
    return parse(file.text);
  } catch (error) {
    // The parser's message quotes the lines around the fault, in which a password may stand.
    const where = error instanceof TomlError ? `, line ${error.line}, column ${error.column}` : "";
    const [firstLine = ""] = error instanceof Error ? error.message.split("\n") : [];
    const why = firstLine.replace(/^Invalid TOML document:\s*/, "");
    throw new BackupAwarenessError(
      "SETTINGS_INVALID",
      `${file.path}${where}: not valid TOML${why === "" ? "" : `: ${why}`}`,
      {
        hint: "text stands in double quotes; see docs/settings.md for an example",
      },
    );
  }
}

/** The environment's settings win one by one; for scopes, scope by scope. */
function mergeSettings(file: GivenSettings, environment: GivenSettings): GivenSettings {
  return { ...file, ...environment, scopeUrls: { ...file.scopeUrls, ...environment.scopeUrls } };
}

function scopesOf(given: GivenSettings, filesDefault: string): ReadonlyMap<string, ScopeSettings> {
  const scopes = new Map<string, ScopeSettings>([["db", { kind: "database", url: null }]]);
  for (const [scope, url] of Object.entries(given.scopeUrls ?? {})) scopes.set(scope, { kind: "database", url });
  scopes.set("files", { kind: "files", paths: given.filesPaths ?? [filesDefault], exclude: given.filesExclude ?? [] });
  return scopes;
}
