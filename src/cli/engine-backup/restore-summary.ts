import { describeRestored } from "../../backup/restore/run-restore.ts";
import type { Check } from "../../backup/restore/check.ts";
import type { RestoreResult, ScopeRestored } from "../../backup/restore/restore-run.ts";
import { quoteIdentifier } from "../../backup/restore/sql-statements.ts";
import { humanDuration } from "../../contract/human-size.ts";
import type { Output } from "../command-context.ts";
import { indented, printable } from "../../contract/printable.ts";

export type RestoreDone = { readonly result: RestoreResult; readonly file: string; readonly logPath: string | null };

/** What a restore has done, or what stood in its way, for an administrator. */
export function renderRestore(
  { result, file, logPath }: RestoreDone,
  isDryRun: boolean,
  paint: Output["paint"],
): string {
  const isRefused = result.checks.some(({ outcome }) => outcome === "refused");
  const differs = result.restored.some(({ restored }) => restored.differences.length > 0);
  const verdict = isRefused
    ? paint(["bold", "red"], "refused, nothing was touched")
    : isDryRun
      ? paint(["bold", "green"], "would be done; nothing was touched")
      : differs
        ? paint(["bold", "yellow"], "done, with differences")
        : paint(["bold", "green"], "done");
  const lines = [`Restore from ${printable(file)}: ${verdict}`, ...originOf(result)];
  if (isRefused || isDryRun) for (const check of result.checks) lines.push(...renderCheck(check, paint));
  else {
    for (const check of result.checks.filter(({ outcome }) => outcome === "noted"))
      lines.push(...renderCheck(check, paint));
    for (const each of result.restored) lines.push(...renderScope(each, file, paint));
  }
  if (result.temporaryDirectory !== null) lines.push(`dumps:   ${printable(result.temporaryDirectory)}`);
  if (logPath !== null) lines.push(`log:     ${printable(logPath)}`);
  return `${lines.join("\n")}\n`;
}

function originOf({ manifest }: RestoreResult): string[] {
  if (manifest === null) return [];
  return [
    `made:    ${manifest.startedAt} by engine-backup ${printable(manifest.program.version)} for ${printable(manifest.fqdn)}`,
  ];
}

function renderCheck({ about, outcome, finding, hint }: Check, paint: Output["paint"]): string[] {
  const word =
    outcome === "passed"
      ? paint("green", "ok     ")
      : outcome === "noted"
        ? paint("yellow", "note   ")
        : paint("red", "refused");
  const lines = [`  ${about.padEnd(10)} ${word}  ${indented(finding, 22)}`];
  return hint === undefined ? lines : [...lines, `${" ".repeat(22)}hint: ${indented(hint, 22)}`];
}

function renderScope(done: ScopeRestored, file: string, paint: Output["paint"]): string[] {
  const { scope, restored, durationMs } = done;
  const style = restored.differences.length === 0 ? "green" : "yellow";
  const text = describeRestored(done, file).replace(` from "${file}"`, "");
  const lines = [`  ${scope.padEnd(10)} ${paint(style, indented(text, 13))} (${humanDuration(durationMs)})`];
  if (done.kind === "database") {
    const { former, notes } = done.restored;
    for (const note of notes) lines.push(`${" ".repeat(13)}${indented(note, 13)}`);
    if (former !== null)
      lines.push(
        `${" ".repeat(13)}the former one is kept as ${quoteIdentifier(former)}; when nobody needs it: drop database ${quoteIdentifier(former)}`,
      );
  } else {
    for (const path of done.restored.former)
      lines.push(`${" ".repeat(13)}what was there is kept in ${printable(path)}; when nobody needs it: rm -r it`);
  }
  for (const warning of restored.warnings) lines.push(`${paint("yellow", "warning:")} ${indented(warning, 2)}`);
  return lines;
}

/** The same for scripts. */
export function restoreAsJson({ result, file, logPath }: RestoreDone, isDryRun: boolean): unknown {
  return {
    mode: "restore",
    archive: file,
    dry_run: isDryRun,
    refused: result.checks.some(({ outcome }) => outcome === "refused"),
    checks: result.checks.map(({ about, outcome, finding, hint }) => ({ about, outcome, finding, hint: hint ?? null })),
    scopes: Object.fromEntries(result.restored.map((done) => [done.scope, scopeAsJson(done)])),
    temporary_directory: result.temporaryDirectory,
    log: logPath,
  };
}

function scopeAsJson(done: ScopeRestored): unknown {
  const { durationMs, restored } = done;
  const common = { duration_ms: durationMs, differences: restored.differences, warnings: restored.warnings };
  if (done.kind === "files") {
    const { paths, files, contentBytes, former } = done.restored;
    return { ...common, paths, files, content_bytes: contentBytes, former };
  }
  const { database, way, tables, rows, isCompared, former } = done.restored;
  return { ...common, database, way, tables, rows, compared: isCompared, former };
}
