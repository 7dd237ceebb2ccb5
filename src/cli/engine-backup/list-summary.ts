import { basename } from "node:path";
import type { FoundArchive, FoundArchives } from "../../backup/find-archives.ts";
import { humanSize } from "../../contract/human-size.ts";
import { printable } from "../../contract/printable.ts";
import type { Output } from "../command-context.ts";
import { tellAge, tellMoment } from "../../contract/tell-time.ts";

/** The archives, the newest first, then the files that cannot be used. */
export function renderArchives({ archives, unusable }: FoundArchives, now: Date, paint: Output["paint"]): string {
  const head = ["TIME", "SCOPES", "SIZE", "VERIFIED", "ENGINE", "ARCHIVE"];
  const rows = archives.map((archive) => [
    tellMoment(new Date(archive.manifest.startedAt)),
    tellScopes(archive),
    humanSize(archive.sizeBytes),
    archive.verification === null ? "no" : tellAge(archive.verification.verifiedAt, now),
    printable(archive.manifest.fqdn),
    printable(basename(archive.path)),
  ]);
  const table = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  const lines =
    archives.length === 0
      ? []
      : table.map((row) =>
          row
            .map((cell, column) => cell.padEnd(widths[column] ?? 0))
            .join("  ")
            .trimEnd(),
        );
  for (const { path, error } of unusable)
    lines.push(`${paint("red", "unusable:")} ${printable(basename(path))}: ${printable(error.message)}`);
  return `${lines.join("\n")}\n`;
}

/** `db,files`; with those that were asked for and failed: `files (without db)` */
function tellScopes({ manifest }: FoundArchive): string {
  const missing = missingScopes(manifest);
  const there = Object.keys(manifest.scopes).join(",");
  return missing.length === 0 ? there : `${there} (without ${missing.join(",")})`;
}

function missingScopes({ askedScopes, scopes }: FoundArchive["manifest"]): string[] {
  return askedScopes.filter((scope) => !(scope in scopes));
}

/** The same for scripts. */
export function archivesAsJson({ archives, unusable }: FoundArchives): unknown {
  return {
    archives: archives.map(({ path, sizeBytes, manifest, verification }) => ({
      archive: path,
      made_at: manifest.startedAt,
      fqdn: manifest.fqdn,
      scopes: Object.keys(manifest.scopes),
      missing_scopes: missingScopes(manifest),
      size_bytes: sizeBytes,
      verified_at: verification?.verifiedAt.toISOString() ?? null,
      made_by: manifest.program.version,
    })),
    unusable: unusable.map(({ path, error: { code, message } }) => ({ archive: path, code, message })),
  };
}
