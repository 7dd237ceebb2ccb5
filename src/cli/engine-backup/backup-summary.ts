import type { BackupResult, ScopeOutcome } from "../../backup/backup-run.ts";
import { humanDuration, humanSize } from "../../contract/human-size.ts";
import { describeProof } from "../../backup/report-message.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Output } from "../command-context.ts";
import { indented, printable } from "../../contract/printable.ts";

/** What engine-backup says at its end: what was backed up, where it is, how far it is proven, and what an administrator should know. */
export function renderSummary(
  result: BackupResult,
  settings: Settings,
  logPath: string | null,
  paint: Output["paint"],
): string {
  const failed = result.scopes.filter(({ status }) => status === "failed").length;
  const verdict =
    result.archive === null
      ? paint(["bold", "red"], "no backup was made")
      : failed > 0
        ? paint(["bold", "yellow"], `${failed} of ${result.scopes.length} scopes failed`)
        : paint(["bold", "green"], "completed");
  const lines = [`Backup of ${printable(settings.fqdn)}: ${verdict}`];
  for (const outcome of result.scopes) lines.push(...renderScope(outcome, paint));
  if (result.archive !== null) {
    const { path, sizeBytes } = result.archive;
    lines.push(
      `archive: ${path === null ? "standard output" : printable(path)} (${humanSize(sizeBytes)})`,
      `checked: ${describeProof(result.archive)}`,
    );
  }
  if (logPath !== null) lines.push(`log:     ${printable(logPath)}`);
  for (const warning of result.warnings) lines.push(`${paint("yellow", "warning:")} ${indented(warning, 2)}`);
  lines.push(...placeNotices(result));
  if (settings.protectsOnlyItself) lines.push(...onlyItself(settings, paint));
  return `${lines.join("\n")}\n`;
}

function renderScope(outcome: ScopeOutcome, paint: Output["paint"]): string[] {
  const name = outcome.scope.padEnd(10);
  if (outcome.status === "packed") {
    const sizes = `${humanSize(outcome.sizeBytes)}, ${humanSize(outcome.storedBytes)} in the archive`;
    return [`  ${name} ${paint("green", "completed")}  ${sizes}, ${humanDuration(outcome.durationMs)}`];
  }
  const { message, hint } = outcome.error;
  const lines = [`  ${name} ${paint("red", "failed")}     ${indented(message, 24)}`];
  return hint === null ? lines : [...lines, `${" ".repeat(24)}hint: ${indented(hint, 24)}`];
}

function placeNotices({ archive, onSameFileSystem, freeBytes }: BackupResult): string[] {
  if (archive?.path == null) return [];
  const notices: string[] = [];
  if (onSameFileSystem.length > 0) {
    notices.push(
      `notice:  the archive is on the same file system as ${onSameFileSystem.map(printable).join(" and ")}; a dead disk takes both. Copy it elsewhere.`,
    );
  }
  if (freeBytes !== null && freeBytes < archive.sizeBytes) {
    notices.push(`notice:  only ${humanSize(freeBytes)} are left there: the next archive of this size will not fit.`);
  }
  return notices;
}

function onlyItself(settings: Settings, paint: Output["paint"]): string[] {
  return [
    paint("yellow", "Only Backup Awareness itself is protected: no application is named."),
    `hint: name yours in ${printable(settings.configFile ?? `${settings.home}/config.toml`)}:`,
    "    [scopes.db]",
    '    url = "postgres://USER@HOST/DATABASE"',
    "    [scopes.files]",
    '    paths = ["/etc/myapp", "/var/lib/myapp"]',
  ];
}
