import { BackupAwarenessError } from "../contract/errors.ts";

/** A misspelt name must not look like an engine without trouble. @throws ENGINE_UNKNOWN */
export function demandEngines(found: readonly { readonly fqdn: string }[], wanted: readonly string[]): void {
  const known = new Set(found.map(({ fqdn }) => fqdn));
  const unknown = wanted.find((fqdn) => !known.has(fqdn.toLowerCase()));
  if (unknown === undefined) return;
  throw new BackupAwarenessError("ENGINE_UNKNOWN", `there is no engine ${JSON.stringify(unknown)}`, {
    hint: "`backup-awareness engines list` lists them; `engines add` makes one known that has never reported",
  });
}
