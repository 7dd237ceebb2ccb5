import { Gauge, Registry } from "prom-client";
import { checkSchedule } from "../../awareness/check-schedule.ts";
import type { Metrics } from "../../awareness/read-metrics.ts";
import { alertTypes } from "../../contract/event.ts";
import { engineStates } from "../../contract/state.ts";

/** What the process knows by itself. */
export type BuildInfo = { readonly version: string; readonly nodeVersion: string };

/** A number for the labels' values, in the order of the metric's labels. */
type Sample = readonly [value: number | Date | boolean | null, ...labels: string[]];

/** Text in Prometheus' exposition format. `metrics` null: the database could not be read. */
export async function renderMetrics(metrics: Metrics | null, build: BuildInfo, readSeconds: number): Promise<string> {
  // A registry for each scrape: a series whose engine is gone must not stay.
  const registry = new Registry();
  const gauge = (name: string, help: string, labelNames: readonly string[], samples: readonly Sample[]): void => {
    const made = new Gauge({
      name: `backup_awareness_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
    });
    for (const [value, ...labels] of samples) {
      if (value === null) continue;
      const number = value instanceof Date ? value.getTime() / 1000 : Number(value);
      made.set(Object.fromEntries(labelNames.map((label, index) => [label, labels[index] ?? ""])), number);
    }
  };
  gauge("up", "1 if the database could be read for this scrape.", [], [[metrics !== null]]);
  if (metrics === null) return registry.metrics();
  gauge(
    "build_info",
    "What runs here; always 1.",
    ["version", "node_version"],
    [[1, build.version, build.nodeVersion]],
  );
  gauge("read_duration_seconds", "How long the database took to tell what this scrape says.", [], [[readSeconds]]);
  checkGauges(gauge, metrics);
  fleetGauges(gauge, metrics);
  engineGauges(gauge, metrics);
  scopeGauges(gauge, metrics);
  queueGauges(gauge, metrics);
  return registry.metrics();
}

type AddGauge = (name: string, help: string, labelNames: readonly string[], samples: readonly Sample[]) => void;

function checkGauges(gauge: AddGauge, { fleet: { record } }: Metrics): void {
  const { periodHours, checkDurationMs } = record;
  gauge("enabled", "0 while BackupCheckPeriodInHours is -1: nobody is warned.", [], [[periodHours !== null]]);
  gauge("last_check_timestamp_seconds", "When the last check ran.", [], [[record.checkedAt]]);
  gauge(
    "last_check_duration_seconds",
    "How long the last check took.",
    [],
    [[checkDurationMs === null ? null : checkDurationMs / 1000]],
  );
  gauge("check_period_seconds", "How often the check runs.", [], [[periodHours === null ? null : periodHours * 3600]]);
  gauge("check_overdue", "1 if the check should have run and has not.", [], [[checkSchedule(record).overdue]]);
}

function fleetGauges(gauge: AddGauge, { fleet, alerts }: Metrics): void {
  gauge(
    "engines",
    "How many engines are in each state.",
    ["state"],
    engineStates.map((state): Sample => [fleet.counts[state], state]),
  );
  gauge(
    "engine_series_limited",
    "1 if there are more engines than metrics.max_engines, so that only the worst hundred have series of their own.",
    [],
    [[!fleet.isWhole]],
  );
  gauge(
    "alerts_open",
    "How many alerts are open, by type, and whether somebody has dismissed them.",
    ["type", "dismissed"],
    alertTypes.flatMap((type) =>
      [false, true].map((dismissed): Sample => {
        const found = alerts.find((each) => each.type === type && each.dismissed === dismissed);
        return [found?.count ?? 0, type, String(dismissed)];
      }),
    ),
  );
}

function engineGauges(gauge: AddGauge, { fleet: { engines, record } }: Metrics): void {
  const of = (name: string, help: string, value: (engine: (typeof engines)[number]) => Sample[0]): void => {
    gauge(
      name,
      help,
      ["engine"],
      engines.map((engine): Sample => [value(engine), engine.fqdn]),
    );
  };
  of(
    "engine_has_full_backup",
    "1 if every required scope was ever backed up.",
    ({ fullBackupAt }) => fullBackupAt !== null,
  );
  of(
    "engine_fresh",
    "1 if the full backup is no older than it may be.",
    ({ fullBackupAt, staleAt }) => fullBackupAt !== null && staleAt !== null && record.now <= staleAt,
  );
  of(
    "engine_full_backup_timestamp_seconds",
    "When the full backup was made: the oldest of the last successes of the required scopes.",
    ({ fullBackupAt }) => fullBackupAt,
  );
  of("engine_full_backup_age_seconds", "How old the full backup is, by the database's clock.", ({ fullBackupAt }) =>
    fullBackupAt === null ? null : Math.max(0, (record.now.getTime() - fullBackupAt.getTime()) / 1000),
  );
  of("engine_stale_timestamp_seconds", "When the engine goes, or went, stale.", ({ staleAt }) => staleAt);
}

function scopeGauges(gauge: AddGauge, { fleet: { engines } }: Metrics): void {
  const scopes = engines.flatMap((engine) => engine.scopes);
  const of = (name: string, help: string, value: (scope: (typeof scopes)[number]) => Sample[0]): void => {
    gauge(
      `backup_${name}`,
      help,
      ["engine", "scope"],
      scopes.map((row): Sample => [value(row), row.fqdn, row.scope]),
    );
  };
  of("last_success_timestamp_seconds", "When the scope was last backed up.", ({ lastSuccessAt }) => lastSuccessAt);
  of("last_failure_timestamp_seconds", "When a backup of the scope last failed.", ({ lastFailureAt }) => lastFailureAt);
  of("last_duration_seconds", "How long the last successful backup took.", ({ lastDurationMs }) =>
    lastDurationMs === null ? null : lastDurationMs / 1000,
  );
  of("last_size_bytes", "How large the last successful backup is.", ({ lastSizeBytes }) => lastSizeBytes);
  of("running", "1 if a backup began and has not ended.", ({ runningSince }) => runningSince !== null);
  of("stalled", "1 if that was more than BackupStalledAfterHours ago.", ({ stalled }) => stalled);
}

function queueGauges(gauge: AddGauge, { jobs, channels }: Metrics): void {
  gauge(
    "jobs_due",
    "How many jobs of the queue could run now, or do.",
    ["task"],
    jobs.map(({ task, due }): Sample => [due, task]),
  );
  gauge(
    "jobs_failed",
    "How many jobs of the queue are tried no more.",
    ["task"],
    jobs.map(({ task, failed }): Sample => [failed, task]),
  );
  const of = (name: string, help: string, value: (each: (typeof channels)[number]) => Sample[0]): void => {
    gauge(
      name,
      help,
      ["channel", "kind"],
      channels.map((each): Sample => [value(each), each.channel, each.kind]),
    );
  };
  of("notifications_waiting", "How many notifications a channel is still to be told.", ({ waiting }) => waiting);
  of("notifications_given_up", "How many notifications of the last day were given up.", ({ givenUp }) => givenUp);
  of("channel_failures", "How many tries failed since the last that was accepted.", ({ failures }) => failures);
  of("channel_last_accepted_timestamp_seconds", "When a message was last accepted.", ({ acceptedAt }) => acceptedAt);
}
