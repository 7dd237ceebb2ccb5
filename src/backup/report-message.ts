import type { BackupAwarenessError } from "../contract/errors.ts";
import type { BackupResult, ScopeOutcome } from "./backup-run.ts";
import { humanDuration, humanSize } from "../contract/human-size.ts";

type Archive = NonNullable<BackupResult["archive"]>;

/** What a completed report says. */
export function describeSuccess(outcome: Extract<ScopeOutcome, { status: "packed" }>, archive: Archive): string {
  const { warnings } = outcome.entry;
  const warned =
    warnings.length === 0
      ? ""
      : `; ${warnings.length} warning${warnings.length === 1 ? "" : "s"}: ${warnings.slice(0, 5).join("; ")}`;
  return `${humanSize(outcome.sizeBytes)} in ${humanDuration(outcome.durationMs)}, ${humanSize(outcome.storedBytes)} in the archive; ${describeProof(archive)}${warned}`;
}

/** What a failed report says. */
export function describeFailure(error: BackupAwarenessError): string {
  return error.hint === null ? error.message : `${error.message}\nhint: ${error.hint}`;
}

/** How far what was written is proven. */
export function describeProof(archive: Archive): string {
  if (archive.path === null) return "written to standard output, not read back from there";
  const way = archive.readBackWay === "direct" ? "from the device (direct I/O)" : "through the page cache";
  return `read back ${way}, ${archive.verifiedMembers} checksums verified`;
}
