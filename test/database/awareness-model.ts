/**
 * The rules of awareness in a few lines, as slow and plain as they can be: every answer is worked out from the whole list
 * of reports. The property test compares the SQL, which never looks back, with it. Times are in milliseconds.
 */
export type ModelReport = {
  readonly fqdn: string;
  readonly scope: string;
  readonly status: "started" | "completed" | "failed" | "incomplete" | "unknown";
  readonly doneAt: number;
  readonly receivedAt: number;
};

export type RequiredScopes = ReadonlyMap<string, number | null>;

type Warning = "ENGINE_NO_FULL_BACKUP" | "ENGINE_NO_WARM_BACKUP" | null;

const hourMs = 3_600_000;

export class AwarenessModel {
  reports: ModelReport[] = [];
  readonly known = new Set<string>();
  readonly ownScopes = new Map<string, RequiredScopes>();
  readonly noted = new Map<string, { warning: Warning; stalled: ReadonlySet<string> }>();
  checkPeriodHours = 6;
  alertPeriodDays = 1;
  stalledAfterHours = 24;
  fullScopes: readonly string[] = ["db", "files"];

  /** Whether it was new. */
  report(report: ModelReport): boolean {
    const same = (other: ModelReport) =>
      other.fqdn === report.fqdn &&
      other.scope === report.scope &&
      other.status === report.status &&
      other.doneAt === report.doneAt;
    if (this.#everything.some(same)) return false;
    this.#everything.push(report);
    this.reports.push(report);
    this.known.add(report.fqdn);
    this.settle(report.fqdn, report.receivedAt);
    return true;
  }

  /** What was ever reported, of removed engines too: a replay of that is still a replay. */
  readonly #everything: ModelReport[] = [];

  remove(fqdn: string): void {
    this.known.delete(fqdn);
    this.ownScopes.delete(fqdn);
    this.noted.delete(fqdn);
    this.reports = this.reports.filter((report) => report.fqdn !== fqdn);
  }

  required(fqdn: string): RequiredScopes {
    return this.ownScopes.get(fqdn) ?? new Map(this.fullScopes.map((scope) => [scope, null]));
  }

  lastSuccess(fqdn: string, scope: string): number | null {
    const times = this.reports
      .filter((r) => r.fqdn === fqdn && r.scope === scope && r.status === "completed")
      .map(effective);
    return times.length === 0 ? null : Math.max(...times);
  }

  fullBackupAt(fqdn: string): number | null {
    const times = [...this.required(fqdn).keys()].map((scope) => this.lastSuccess(fqdn, scope));
    return times.includes(null) ? null : Math.min(...(times as number[]));
  }

  staleAt(fqdn: string): number | null {
    if (this.fullBackupAt(fqdn) === null) return null;
    return Math.min(
      ...[...this.required(fqdn)].map(
        ([scope, days]) => (this.lastSuccess(fqdn, scope) ?? NaN) + (days ?? this.alertPeriodDays) * 24 * hourMs,
      ),
    );
  }

  state(fqdn: string, now: number): string {
    if (this.checkPeriodHours === -1) return "disabled";
    const staleAt = this.staleAt(fqdn);
    if (staleAt === null) return "no_full_backup";
    return now > staleAt ? "stale" : "fresh";
  }

  /** Start of the oldest run that has not ended: replays the scope's reports in the order of their receipt. */
  runningSince(fqdn: string, scope: string): number | null {
    let lastEnd = -Infinity;
    let running: number[] = [];
    for (const report of this.reports.filter((r) => r.fqdn === fqdn && r.scope === scope)) {
      const at = effective(report);
      if (report.status === "started") {
        if (at > lastEnd) running.push(at);
      } else {
        running = running.filter((start) => start > at);
        lastEnd = Math.max(lastEnd, at);
      }
    }
    return running.length === 0 ? null : Math.min(...running);
  }

  /** What an engine's alerts become whenever somebody looks at it: a report of its own, a check, a changed option. */
  settle(fqdn: string, now: number): void {
    const warnings: Record<string, Warning> = {
      no_full_backup: "ENGINE_NO_FULL_BACKUP",
      stale: "ENGINE_NO_WARM_BACKUP",
    };
    const scopes = new Set(this.reports.filter((r) => r.fqdn === fqdn).map((r) => r.scope));
    const stalled = [...scopes].filter((scope) => {
      const since = this.runningSince(fqdn, scope);
      return this.checkPeriodHours !== -1 && since !== null && now > since + this.stalledAfterHours * hourMs;
    });
    this.noted.set(fqdn, { warning: warnings[this.state(fqdn, now)] ?? null, stalled: new Set(stalled) });
  }

  settleAll(now: number): void {
    for (const fqdn of this.known) this.settle(fqdn, now);
  }

  /** Every open alert as `fqdn type scope`, sorted. */
  openAlerts(): readonly string[] {
    return [...this.noted]
      .flatMap(([fqdn, { warning, stalled }]) => [
        ...(warning === null ? [] : [`${fqdn} ${warning} `]),
        ...[...stalled].map((scope) => `${fqdn} ENGINE_BACKUP_STALLED ${scope}`),
      ])
      .sort();
  }
}

/** What freshness counts from: a clock ahead must not silence a warning. */
function effective(report: ModelReport): number {
  return Math.min(report.doneAt, report.receivedAt);
}
