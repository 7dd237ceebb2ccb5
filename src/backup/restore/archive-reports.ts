import type { Report } from "../../contract/report.ts";
import { humanSize } from "../../contract/human-size.ts";
import type { ExtractedArchive } from "./extract-archive.ts";

/**
 * What was reported of an archive after it was whole, and so after our own database was dumped into it: a restored log lacks it. Each scope was completed at
 * its own time; what was asked for and is not in it had failed. Empty: the archive has no manifest.
 */
export function reportsOfArchive({
  archive,
  description,
}: Pick<ExtractedArchive, "archive" | "description">): Report[] {
  const { manifest } = description;
  if (manifest === null) return [];
  const { fqdn, runId, program } = manifest;
  const common = { fqdn, logPath: null, runId, tool: `engine-backup ${program.version}` };
  const scopes = Object.entries(manifest.scopes);
  const completed = scopes.map(([scope, entry]): Report => {
    const stored = archive.index?.members.find(({ name }) => name === entry.member)?.storedBytes;
    return {
      ...common,
      scope,
      status: "completed",
      doneAt: new Date(entry.endedAt),
      durationMs: Math.max(0, Date.parse(entry.endedAt) - Date.parse(entry.startedAt)),
      archive: archive.path,
      outputMessage: `${humanSize(entry.sizeBytes)} in "${archive.path}"; recorded when that archive was read to its end and restored`,
      ...(stored === undefined ? {} : { sizeBytes: stored }),
    };
  });
  const endedAt = new Date(
    Math.max(Date.parse(manifest.startedAt), ...completed.map(({ doneAt }) => doneAt.getTime())),
  );
  const failed = manifest.askedScopes
    .filter((scope) => manifest.scopes[scope] === undefined)
    .map((scope): Report => {
      const outputMessage = `not in "${archive.path}": its backup failed when that archive was made`;
      return { ...common, scope, status: "failed", doneAt: endedAt, outputMessage };
    });
  return [...completed, ...failed];
}
