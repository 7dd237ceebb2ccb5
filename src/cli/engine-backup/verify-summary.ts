import { humanDuration, humanSize } from "../../contract/human-size.ts";
import type { Verification, VerifiedMember } from "../../backup/verify/verification.ts";
import type { Unopened } from "../../backup/verify/verify-archive.ts";
import type { Output } from "../command-context.ts";
import { indented, printable } from "../../contract/printable.ts";

/** What verifying has shown, for an administrator. */
export function renderVerification(
  path: string,
  verification: Verification | Unopened,
  logPath: string | null,
  paint: Output["paint"],
): string {
  const { problems } = verification;
  const verdict = problems.length === 0 ? paint(["bold", "green"], "verified") : paint(["bold", "red"], "not whole");
  const lines = [`Archive ${printable(path)}: ${verdict}`];
  if (verification.archive !== null) {
    lines.push(...verification.members.filter(({ scope }) => scope !== null).map(renderScope));
    const origin = tellOrigin(verification);
    if (origin !== null) lines.push(`made:    ${origin}`);
    if (problems.length === 0) lines.push(`read:    ${tellVerification(verification)}`);
  }
  for (const { message, hint } of problems) {
    lines.push(`${paint("red", "problem:")} ${indented(message, 9)}`);
    if (hint !== null) lines.push(`   hint: ${hint}`);
  }
  if (logPath !== null) lines.push(`log:     ${printable(logPath)}`);
  return `${lines.join("\n")}\n`;
}

/** `494.6 MiB from the device (direct I/O) in 3.1 s, 7 checksums, …` */
export function tellVerification(verification: Verification | Unopened): string {
  if (verification.archive === null) return "it could not be opened";
  const { archive, way, members, durationMs } = verification;
  const from = way === "direct" ? "from the device (direct I/O)" : "through the page cache";
  return `${humanSize(archive.sizeBytes)} ${from} in ${humanDuration(durationMs)}; ${members.length} members read to their end, their checksums compared`;
}

function tellOrigin({ description }: Verification): string | null {
  const { manifest = null, programVersion = null } = description ?? {};
  if (manifest !== null)
    return `${manifest.startedAt.replace(/\.\d+Z$/, "Z")} by engine-backup ${printable(manifest.program.version)} for ${printable(manifest.fqdn)}`;
  return programVersion === null ? null : `by oVirt's engine-backup ${printable(programVersion)}`;
}

function renderScope({ name, scope, sizeBytes, dump, files }: VerifiedMember): string {
  const parts = [humanSize(sizeBytes), ...tellDump(dump), ...tellFiles(files)];
  return `  ${(scope ?? name).padEnd(10)} ${parts.join(", ")}`;
}

function tellDump(dump: VerifiedMember["dump"]): string[] {
  if (dump === null) return [];
  if (dump.format === "plain") return ["plain dump, read to its last line"];
  return [`custom dump, ${dump.tablesWithData?.count ?? 0} tables with data, all of it read by pg_restore`];
}

function tellFiles(files: VerifiedMember["files"]): string[] {
  return files === null ? [] : [`${files.entries} entries, ${humanSize(files.contentBytes)} of content`];
}

/** The same for scripts. */
export function verificationAsJson(
  path: string,
  verification: Verification | Unopened,
  logPath: string | null,
): unknown {
  const problems = verification.problems.map(({ code, message, hint }) => ({ code, message, hint }));
  const common = { mode: "verify", archive: path, passed: problems.length === 0, problems, log: logPath };
  if (verification.archive === null) return common;
  const { archive, way, members, durationMs, description } = verification;
  const scopes = members.flatMap(({ scope, name, sizeBytes, sha256, dump, files }) =>
    scope === null
      ? []
      : [
          [
            scope,
            {
              member: name,
              size_bytes: sizeBytes,
              sha256,
              format: dump?.format ?? null,
              tables_with_data: dump?.tablesWithData?.count ?? null,
              files: files?.entries ?? null,
            },
          ] as const,
        ],
  );
  return {
    ...common,
    size_bytes: archive.sizeBytes,
    duration_ms: durationMs,
    read: way === "direct" ? "direct" : "page_cache",
    compression: archive.compression,
    fqdn: description?.manifest?.fqdn ?? null,
    made_at: description?.manifest?.startedAt ?? null,
    made_by: description?.programVersion ?? null,
    scopes: Object.fromEntries(scopes),
  };
}
