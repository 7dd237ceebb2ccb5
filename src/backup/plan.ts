import { BackupAwarenessError } from "../contract/errors.ts";
import { isScope, type Scope } from "../contract/scope.ts";
import type { ScopeSettings, Settings } from "../settings/settings.ts";

export type ScopePlan = { readonly scope: Scope; readonly settings: ScopeSettings; readonly memberName: string };

/** The scopes to back up, in the order of the settings. `asked` empty or with "all": every configured one. Throws SCOPE_UNCONFIGURED. */
export function planScopes(settings: Pick<Settings, "scopes" | "configFile">, asked: readonly Scope[]): ScopePlan[] {
  for (const scope of asked) {
    if (scope === "all" || settings.scopes.has(scope)) continue;
    throw new BackupAwarenessError(
      "SCOPE_UNCONFIGURED",
      `the scope "${scope}" is not configured; configured: ${[...settings.scopes.keys()].join(", ")}`,
      {
        hint: isScope(scope)
          ? `name its database in ${settings.configFile ?? "config.toml"}: [scopes.${scope}] url = "postgres://…"`
          : "several scopes are given one by one: --scope=db --scope=files",
      },
    );
  }
  const wantsAll = asked.length === 0 || asked.includes("all");
  return [...settings.scopes]
    .filter(([scope]) => wantsAll || asked.includes(scope))
    .map(([scope, scopeSettings]) => ({
      scope,
      settings: scopeSettings,
      memberName: memberName(scope, scopeSettings),
    }));
}

/** Where oVirt's engine-backup puts these; a scope that it does not know has its dump under its own name. */
const knownMembers: Readonly<Record<string, string>> = {
  db: "./db/engine_backup.db",
  dwhdb: "./db/dwh_backup.db",
  reportsdb: "./db/reports_backup.db",
};

function memberName(scope: Scope, settings: Pick<ScopeSettings, "kind">): string {
  if (settings.kind === "files") return "./files";
  return knownMembers[scope] ?? `./db/${scope}.dump`;
}

/** `engine.example.com-20261124T013000Z.tar.zst`; with the scopes' names where it is not all that is configured. */
export function archiveName(fqdn: string, startedAt: Date, scopes: readonly Scope[], coversAll: boolean): string {
  const host = fqdn
    .replace(/[^A-Za-z0-9.-]+/g, "_")
    .replace(/^[.-]+/, "")
    .slice(0, 100);
  const time = startedAt
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[:-]/g, "");
  const covered = coversAll ? "" : `-${scopes.join("+")}`.slice(0, 80);
  return `${host === "" ? "engine" : host}-${time}${covered}.tar.zst`;
}

/** The scope whose data a member holds; null: it holds none. */
export function scopeOfMember(name: string): Scope | null {
  if (name === "./files") return "files";
  const known = Object.entries(knownMembers).find(([, member]) => member === name);
  return known?.[0] ?? /^\.\/db\/([a-z][a-z0-9_-]{0,63})\.dump$/.exec(name)?.[1] ?? null;
}

const knownConfigPrefixes: Readonly<Record<string, string>> = { db: "", dwhdb: "DWH_", reportsdb: "REPORTS_" };

/** The archive's ./config: how its members were made, as oVirt's shell scripts read it. */
export function archiveConfig(
  packed: readonly { readonly scope: Scope; readonly kind: ScopeSettings["kind"] }[],
): string {
  const lines = packed.flatMap(({ scope, kind }) => {
    if (kind === "files") return ["FILES_COMPRESSOR=None"];
    const prefix = knownConfigPrefixes[scope] ?? `${scope.toUpperCase().replaceAll("-", "_")}_`;
    return [`${prefix}DB_DUMP_FORMAT=custom`, `${prefix}DB_DUMP_COMPRESSOR=None`];
  });
  return ["ARCHIVE_COMPRESSOR=zstd", ...lines, ""].join("\n");
}
