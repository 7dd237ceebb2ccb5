import {
  type AgeLimits,
  type EngineVerdict,
  type FleetVerdict,
  judgeFleet,
  type Trouble,
} from "../awareness/judge-fleet.ts";
import type { Fleet, FleetEngine } from "../awareness/read-fleet.ts";
import { printable } from "../contract/printable.ts";
import { tellAge, tellMoment } from "../contract/tell-time.ts";

/** Troubled engines that the first line names, and those that the lines below it tell. A plugin's output is cut at 4 or 8 KiB. */
const named = 3;
const told = 20;
const longestName = 100;

export type PluginOutput = { readonly status: FleetVerdict["status"]; readonly text: string };

/**
 * What `check --nagios` prints, as the Monitoring Plugins guidelines want it: one line of text and performance data, then lines with more.
 * The answer's status is its exit code. `onlyItself` is this host's engine where no application of it is named in the settings.
 */
export function renderPluginOutput(fleet: Fleet, limits: AgeLimits, onlyItself: string | null): PluginOutput {
  const verdict = judgeFleet(fleet, limits);
  const troubled = verdict.engines
    .filter(({ troubles }) => troubles.length > 0)
    // The fleet's order within each.
    .toSorted((one, other) => Number(other.status === "CRITICAL") - Number(one.status === "CRITICAL"));
  const note = fleet.engines.some(({ fqdn }) => fqdn === onlyItself)
    ? ["on this host only Backup Awareness itself is protected"]
    : [];
  const first = [...faultText(fleet, verdict), stateText(fleet, troubled), ...note].join("; ");
  const more = troubled.length > told ? [`and ${troubled.length - told} more`] : [];
  const lines = troubled.length > 1 ? [...troubled.slice(0, told).map(engineLine(fleet.record.now)), ...more] : [];
  return {
    status: verdict.status,
    text: pluginText(verdict.status, first, performanceData(fleet, limits), lines),
  };
}

/** What is printed where nothing could be found out. */
export function renderUnknown(reason: string): PluginOutput {
  return { status: "UNKNOWN", text: pluginText("UNKNOWN", reason, [], []) };
}

function pluginText(status: string, first: string, performance: readonly string[], lines: readonly string[]): string {
  const head = `BACKUP ${status} - ${plain(first)}`;
  const data = performance.length === 0 ? "" : ` | ${performance.join(" ")}`;
  return [`${head}${data}`, ...lines.map(plain), ""].join("\n");
}

/** The bar begins performance data, and a line feed ends the text. */
function plain(text: string): string {
  return printable(text).replaceAll("|", "¦").replaceAll("\n", " ");
}

function faultText({ record }: Fleet, { fault, isDisabled }: FleetVerdict): readonly string[] {
  if (isDisabled) return ["Backup Awareness is disabled, nobody is warned"];
  if (fault === null) return [];
  return [
    fault.kind === "never_checked"
      ? `no check has run since it was installed ${tellAge(fault.since, record.now)}, nobody is warned`
      : `the last check ran ${tellAge(fault.checkedAt, record.now)} (${tellMoment(fault.checkedAt)}), one is due every ${record.periodHours ?? 0} h, nobody is warned`,
  ];
}

function stateText(fleet: Fleet, troubled: readonly EngineVerdict[]): string {
  const { record, engines, counts } = fleet;
  const [only] = engines;
  if (counts.total === 0) return "no engine is known";
  if (counts.total === 1 && only !== undefined) {
    const [verdict] = troubled;
    return verdict === undefined ? freshText(only, record.now) : engineLine(record.now)(verdict);
  }
  if (troubled.length === 0) {
    const oldest = oldestFullBackup(engines);
    const age = oldest === null ? "" : `, the oldest full backup is of ${tellAge(oldest, record.now)}`;
    return `${counts.total} engines have a full and fresh backup${age}`;
  }
  const names = troubled.slice(0, named).map(engineLine(record.now));
  const atLeast = fleet.isWhole ? "" : "at least ";
  const rest = troubled.length > named ? ` and ${troubled.length - named} more` : "";
  return `${atLeast}${troubled.length} of ${counts.total} engines: ${names.join("; ")}${rest}`;
}

function freshText({ fqdn, fullBackupAt }: FleetEngine, now: Date): string {
  return `${shortName(fqdn)}: full backup ${fullBackupAt === null ? "never" : tellAge(fullBackupAt, now)}`;
}

function engineLine(now: Date): (verdict: EngineVerdict) => string {
  return ({ engine, troubles }) =>
    `${shortName(engine.fqdn)}: ${troubles.map((trouble) => troubleText(trouble, now)).join(", ")}`;
}

function troubleText(trouble: Trouble, now: Date): string {
  switch (trouble.kind) {
    case "no_full_backup":
      return `no full backup, never backed up: ${trouble.missing.join(" ")}`;
    case "too_old":
      return `full backup ${tellAge(trouble.fullBackupAt, now)}`;
    case "failed":
      return `${trouble.scope} failed ${tellAge(trouble.at, now)}`;
    case "stalled":
      return `${trouble.scope} is stalled, it began ${tellAge(trouble.since, now)}`;
  }
}

function shortName(fqdn: string): string {
  return fqdn.length > longestName ? `${fqdn.slice(0, longestName - 1)}…` : fqdn;
}

/** `label=value[unit];warning;critical;minimum` */
function performanceData(fleet: Fleet, { warningMs, criticalMs }: AgeLimits): readonly string[] {
  const { record, engines, counts } = fleet;
  const seconds = (ms: number | null): string => (ms === null ? "" : String(Math.round(ms / 1000)));
  const ageOf = (at: Date): string => seconds(Math.max(0, record.now.getTime() - at.getTime()));
  const age = (label: string, at: Date | null, ownLimitMs: number | null): string =>
    `${label}=${at === null ? "U" : `${ageOf(at)}s`};${seconds(warningMs)};${seconds(criticalMs ?? ownLimitMs)};0`;
  const [only] = engines;
  const data: string[] = [];
  if (counts.total === 1 && only !== undefined) {
    const { fullBackupAt, staleAt, scopes } = only;
    const ownMs = fullBackupAt === null || staleAt === null ? null : staleAt.getTime() - fullBackupAt.getTime();
    data.push(age("full_backup_age", fullBackupAt, ownMs));
    for (const { scope, lastSuccessAt, lastDurationMs, lastSizeBytes } of scopes) {
      if (lastSuccessAt !== null) data.push(`${scope}_age=${ageOf(lastSuccessAt)}s;;;0`);
      if (lastDurationMs !== null) data.push(`${scope}_duration=${(lastDurationMs / 1000).toFixed(3)}s;;;0`);
      if (lastSizeBytes !== null) data.push(`${scope}_size=${lastSizeBytes}B;;;0`);
    }
  } else {
    data.push(age("oldest_full_backup_age", oldestFullBackup(engines), null));
    for (const state of ["fresh", "stale", "no_full_backup", "disabled"] as const)
      data.push(`${state}=${counts[state]};;;0;${counts.total}`);
  }
  if (record.checkedAt !== null) {
    const limit = record.periodHours === null ? "" : String(2 * record.periodHours * 3600);
    data.push(`check_age=${ageOf(record.checkedAt)}s;;${limit};0`);
  }
  return data;
}

function oldestFullBackup(engines: readonly FleetEngine[]): Date | null {
  const times = engines.flatMap(({ fullBackupAt }) => (fullBackupAt === null ? [] : [fullBackupAt]));
  return times.reduce<Date | null>((oldest, at) => (oldest === null || at < oldest ? at : oldest), null);
}
