import { delimiter } from "node:path";
import { scopePattern } from "../contract/scope.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { nearestWord } from "./nearest-word.ts";
import { settingKeys, type GivenSettings } from "./setting-keys.ts";
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

const scopeVariable = /^BACKUP_AWARENESS_SCOPES_(.+)_URL$/;

/**
 * What the environment says. An empty variable says nothing, as systemd and compose files leave them behind. `fileScopes` are the scopes that the
 * file names: a variable cannot hold a hyphen, so ..._MY_APP_URL means the file's "my-app" where it has one, else "my_app".
 * Throws SETTINGS_INVALID, also for a variable that is nearly one of ours.
 */
export function environmentSettings(
  env: Readonly<Record<string, string | undefined>>,
  fileScopes: readonly string[],
): GivenSettings {
  refuseNearMisses(env);
  const ifGiven = (variable: string, read: (value: string, variable: string) => GivenSettings): GivenSettings => {
    const value = env[variable];
    return value === undefined || value === "" ? {} : read(value, variable);
  };
  return {
    ...ifGiven(settingKeys.fqdn.variable, (value, variable) => ({ fqdn: readFqdn(value, variable) })),
    ...ifGiven(settingKeys.listen.variable, (value, variable) => ({ listen: readListen(value, variable) })),
    ...ifGiven(settingKeys.databaseUrl.variable, (value, variable) => ({
      databaseUrl: readDatabaseUrl(value, variable),
    })),
    ...ifGiven(settingKeys.archiveDirectory.variable, (value, variable) => ({
      archiveDirectory: readAbsolutePath(value, variable),
    })),
    ...ifGiven(settingKeys.filesPaths.variable, (value, variable) => ({
      filesPaths: readPaths(splitList(value, variable), variable),
    })),
    ...ifGiven(settingKeys.filesExclude.variable, (value, variable) => ({
      filesExclude: readPatterns(splitList(value, variable), variable),
    })),
    ...ifGiven(settingKeys.allowPrivateAddresses.variable, (value, variable) => ({
      allowPrivateAddresses: readNetworks(splitList(value, variable, ","), variable),
    })),
    ...ifGiven(settingKeys.allowCommand.variable, (value, variable) => ({ allowCommand: readFlag(value, variable) })),
    ...ifGiven(settingKeys.publicUrl.variable, (value, variable) => ({ publicUrl: readHttpUrl(value, variable) })),
    ...ifGiven(settingKeys.metricsListen.variable, (value, variable) => ({
      metricsListen: readListen(value, variable),
    })),
    ...ifGiven(settingKeys.metricsMaxEngines.variable, (value, variable) => ({
      metricsMaxEngines: readCount(/^\d+$/.test(value) ? Number(value) : value, variable),
    })),
    scopeUrls: scopeUrls(env, fileScopes),
  };
}

/** A JSON array, which takes any text, or texts with `separator` between them: by default a colon, as PATH is written. */
function splitList(value: string, variable: string, separator: string = delimiter): unknown {
  if (!value.trimStart().startsWith("[")) return value.split(separator).map((part) => part.trim());
  try {
    return JSON.parse(value);
  } catch {
    throw settingError(variable, value, "is no JSON array", `write ["one", "two"], or one${separator}two`);
  }
}

function scopeUrls(
  env: Readonly<Record<string, string | undefined>>,
  fileScopes: readonly string[],
): Record<string, string> {
  const urls: Record<string, string> = {};
  for (const [variable, value] of Object.entries(env)) {
    const name = scopeVariable.exec(variable)?.[1];
    if (name === undefined || value === undefined || value === "") continue;
    const scope = fileScopes.find((known) => known.replaceAll("-", "_") === name.toLowerCase()) ?? name.toLowerCase();
    if (!scopePattern.test(scope)) {
      throw settingError(
        variable,
        scope,
        "is no name of a scope",
        "letters, digits and _, beginning with a letter, at most 64",
      );
    }
    if (scope === "files")
      throw new BackupAwarenessError("SETTINGS_INVALID", `${variable}: the scope files has no url`, {
        hint: `set ${settingKeys.filesPaths.variable}`,
      });
    urls[scope] = readDatabaseUrl(value, variable);
  }
  return urls;
}

/**
 * A variable that nobody reads cannot be told from somebody else's, but one that is a letter or two off ours is a slip that would
 * quietly leave a setting at its default.
 */
function refuseNearMisses(env: Readonly<Record<string, string | undefined>>): void {
  const known: string[] = Object.values(settingKeys).map(({ variable }) => variable);
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith("BACKUP_AWARENESS_") || known.includes(variable) || scopeVariable.test(variable)) continue;
    const shortName = (name: string) => name.slice("BACKUP_AWARENESS_".length);
    const meant = nearestWord(shortName(variable), known.map(shortName));
    if (meant === null || env[variable] === "") continue;
    throw new BackupAwarenessError("SETTINGS_INVALID", `${variable} is no setting`, {
      hint: `did you mean BACKUP_AWARENESS_${meant}?`,
    });
  }
}
