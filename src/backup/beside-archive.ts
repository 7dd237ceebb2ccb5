import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { homePlaces, type ScopeSettings, type Settings } from "../settings/settings.ts";

/**
 * The scopes whose data lies on the same file system as their archives: one broken disk takes both. Only what this machine can
 * see is told: the paths of `files`, and the embedded cluster. A place that does not exist yet is judged by the directory that
 * will hold it.
 */
export async function scopesBesideArchive(
  settings: Pick<Settings, "home" | "databaseUrl" | "scopes" | "archiveDirectory">,
): Promise<readonly string[]> {
  const archiveDevice = await deviceOf(settings.archiveDirectory);
  const beside: string[] = [];
  for (const [scope, described] of settings.scopes) {
    const devices = await Promise.all(placesOf(settings, described).map(deviceOf));
    if (devices.some((device) => device !== null && device === archiveDevice)) beside.push(scope);
  }
  return beside;
}

function placesOf(settings: Pick<Settings, "home" | "databaseUrl">, scope: ScopeSettings): readonly string[] {
  switch (scope.kind) {
    case "files":
      return scope.paths;
    case "database":
      return scope.url === null && settings.databaseUrl === null ? [join(settings.home, homePlaces.postgres)] : [];
  }
}

/** The number of the file system that holds a path or would hold it; null: nobody can tell. */
async function deviceOf(path: string): Promise<number | null> {
  for (let place = path; ; place = dirname(place)) {
    try {
      return (await stat(place)).dev;
    } catch {
      if (place === dirname(place)) return null;
    }
  }
}
