import type { EngineStatus } from "../contract/state.ts";

/**
 * The engines in the order in which somebody should look at them: without a full backup, stale, disabled, fresh but with an open
 * alert (a stalled backup), fresh; the longest in trouble first, then by name.
 */
export function worstFirst(engines: readonly EngineStatus[]): readonly EngineStatus[] {
  return engines.toSorted(
    (one, other) => urgency(one) - urgency(other) || compare(one.since, other.since) || compare(one.fqdn, other.fqdn),
  );
}

function urgency(engine: EngineStatus): number {
  switch (engine.state) {
    case "no_full_backup":
      return 0;
    case "stale":
      return 1;
    case "disabled":
      return 2;
    case "fresh":
      return engine.alerts.length > 0 ? 3 : 4;
  }
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
