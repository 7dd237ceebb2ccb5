import type { EngineState, EngineStatus, ScopeStatus, Status } from "../contract/state.ts";
import type { Output, Style } from "./command-context.ts";
import { firstLine, printable } from "../contract/printable.ts";
import { tellAge, tellMoment, tellMomentAndAge, tellSince } from "../contract/tell-time.ts";

/** What `status` shows besides the engines themselves. */
export type ShownStatus = Status & {
  readonly protects_only_itself: boolean;
  readonly archive_beside_scopes: readonly string[];
};

type Paint = Output["paint"];

const stateWords: Readonly<Record<EngineState, { readonly words: string; readonly style: Style }>> = {
  no_full_backup: { words: "no full backup", style: ["bold", "red"] },
  stale: { words: "stale", style: ["bold", "yellow"] },
  disabled: { words: "disabled", style: ["bold", "yellow"] },
  fresh: { words: "fresh", style: ["bold", "green"] },
};

/** How much of a failure's reason is shown; all of it stands in the events. */
const longestReason = 120;

/** The status as a person reads it: one block for each engine, in the order given, then what there is to say about all of them. */
export function renderStatus(status: ShownStatus, now: Date, paint: Paint): string {
  const blocks = status.engines.map((engine) => renderEngine(engine, status, now, paint));
  if (status.engines.length === 0) blocks.push("No engine is known.");
  return `${[...blocks, renderFooter(status, now, paint)].join("\n\n")}\n`;
}

function renderEngine(engine: EngineStatus, status: ShownStatus, now: Date, paint: Paint): string {
  const nothingOfTheApplication = status.protects_only_itself && engine.fqdn === status.fqdn;
  const { words, style } = stateWords[engine.state];
  // Green would say that the application is safe.
  const stateStyle = nothingOfTheApplication && engine.state === "fresh" ? ["bold" as const, "yellow" as const] : style;
  const since = tellSince(engine.since, now);
  const lines = [`${paint("bold", printable(engine.fqdn))}  ${paint(stateStyle, words)} ${since}`];
  const rows: (readonly [label: string, text: string])[] = [["full backup", tellFullBackup(engine, now)]];
  for (const [scope, known] of Object.entries(engine.scopes)) {
    const required = engine.required_scopes.includes(scope);
    const label = required ? scope : `${scope} (not required)`;
    tellScope(known, required, now, paint).forEach((text, index) => rows.push([index === 0 ? label : "", text]));
  }
  for (const alert of engine.alerts) {
    const dismissed =
      alert.dismissed_at === null ? "" : paint("dim", `, dismissed ${tellAge(new Date(alert.dismissed_at), now)}`);
    rows.push([
      `alert ${alert.id}`,
      `${alert.type}${alert.scope === null ? "" : ` of ${alert.scope}`}, raised ${tellMomentAndAge(alert.raised_at, now)}${dismissed}`,
    ]);
    if (alert.message !== null && alert.dismissed_at === null) rows.push(["", printable(alert.message)]);
  }
  if (nothingOfTheApplication)
    rows.push(["note", paint("yellow", "only Backup Awareness itself is protected (see below)")]);
  const width = Math.max(...rows.map(([label]) => label.length));
  return [...lines, ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`)].join("\n");
}

function tellFullBackup(engine: EngineStatus, now: Date): string {
  if (engine.full_backup_at === null) return "never";
  const staleAt = engine.stale_at === null ? null : new Date(engine.stale_at);
  const stale = staleAt === null ? "" : `; ${staleAt <= now ? "went" : "goes"} stale ${tellMomentAndAge(staleAt, now)}`;
  return `${tellMomentAndAge(engine.full_backup_at, now)}${stale}`;
}

function tellScope(scope: ScopeStatus, required: boolean, now: Date, paint: Paint): string[] {
  const lines: string[] = [];
  if (scope.last_success_at !== null) lines.push(`last success ${tellMomentAndAge(scope.last_success_at, now)}`);
  else lines.push(paint(required ? "red" : "dim", "never backed up"));
  if (scope.last_failure_at !== null) {
    const reason = firstLine(scope.last_failure_message ?? "", longestReason);
    const newer = scope.last_success_at === null || scope.last_failure_at > scope.last_success_at;
    const told = `last failure ${tellMomentAndAge(scope.last_failure_at, now)}${reason === "" ? "" : `: ${reason}`}`;
    lines.push(newer ? paint("red", told) : told);
  }
  if (scope.running_since !== null) {
    const since = tellSince(scope.running_since, now);
    lines.push(scope.stalled ? paint(["bold", "red"], `STALLED: running ${since}`) : `running ${since}`);
  }
  return lines;
}

function renderFooter(status: ShownStatus, now: Date, paint: Paint): string {
  const lines: string[] = [];
  if (status.engines.length > 1) lines.push(countStates(status.engines));
  if (!status.enabled) {
    lines.push(
      paint(["bold", "yellow"], "BACKUP AWARENESS IS DISABLED: nobody is warned."),
      "  engine-config --reset=BackupCheckPeriodInHours enables it again.",
    );
  }
  const checked =
    status.checked_at === null ? "No check has run yet" : `Last check ${tellMomentAndAge(status.checked_at, now)}`;
  const next =
    status.next_check_at === null || status.check_overdue
      ? ""
      : `; next ${tellMomentAndAge(status.next_check_at, now)}`;
  lines.push(`${checked}${next}.`);
  if (status.check_overdue) {
    const due = status.next_check_at === null ? "" : ` since ${tellMoment(new Date(status.next_check_at))}`;
    lines.push(
      paint(["bold", "red"], `THE CHECK IS OVERDUE${due}: nobody is warned while it does not run.`),
      "  Does the daemon run? backup-awareness start, or: systemctl status backup-awareness",
    );
  }
  if (status.protects_only_itself) {
    lines.push(
      paint(["bold", "yellow"], "Only Backup Awareness itself is protected."),
      "  Name your application in config.toml: its database as url in [scopes.db], its files as paths in [scopes.files].",
    );
  }
  if (status.archive_beside_scopes.length > 0) {
    lines.push(
      `The archives lie on the same file system as what they protect (${status.archive_beside_scopes.join(", ")}): one broken disk takes both.`,
      "  Name another place in config.toml: directory in [archive].",
    );
  }
  return lines.join("\n");
}

function countStates(engines: readonly EngineStatus[]): string {
  const order: readonly EngineState[] = ["no_full_backup", "stale", "disabled", "fresh"];
  const counts = order
    .map((state) => ({ state, count: engines.filter((engine) => engine.state === state).length }))
    .filter(({ count }) => count > 0);
  return `${engines.length} engines: ${counts.map(({ state, count }) => `${count} ${stateWords[state].words}`).join(", ")}.`;
}
