import type { Scope } from "../contract/scope.ts";
import type { DatabaseFacts } from "./database-facts.ts";

/** What an archive says of itself. Later versions add keys and rename none; a reader passes over what it does not know. */
export type Manifest = {
  readonly manifestVersion: 1;
  readonly program: { readonly name: "engine-backup"; readonly version: string };
  readonly fqdn: string;
  readonly runId: string;
  readonly startedAt: string;
  /** What was asked for. An archive that lacks one of these is not whole, though what it has is good. */
  readonly askedScopes: readonly Scope[];
  readonly scopes: Readonly<Record<Scope, ManifestScope>>;
  readonly warnings: readonly string[];
};

export type ManifestScope = {
  readonly kind: "database" | "files";
  readonly member: string;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Of the member when extracted. */
  readonly sizeBytes: number;
  readonly sha256: string;
  /** The program that made the member, as `pg_dump 15.18`. */
  readonly tool: string;
  readonly warnings: readonly string[];
  /** Of databases only. */
  readonly database?: {
    readonly name: string;
    readonly serverVersion: string;
    readonly excludedTables: readonly string[];
    readonly excludedTableData: readonly string[];
    /** Of the dump's own snapshot, and null together where they could not be read. A table's null: its rows are left out, or could not be counted. */
    readonly rowCounts: DatabaseFacts["rowCounts"] | null;
    readonly largeObjects: number | null;
    readonly schema: DatabaseFacts["schema"] | null;
  };
  /** Of files only. */
  readonly files?: {
    readonly paths: readonly string[];
    readonly exclude: readonly string[];
    readonly leftOut: readonly string[];
  };
};

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
