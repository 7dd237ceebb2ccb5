const dayMs = 24 * 60 * 60 * 1000;

/** What retention needs to know of an archive of this engine. */
export type RetainableArchive = {
  readonly path: string;
  readonly madeAt: Date;
  readonly scopes: readonly string[];
  readonly isVerified: boolean;
};

export type RetentionRule = {
  /** So many of the newest stay; null: their number does not count. */
  readonly count: number | null;
  /** Those that are no older stay; null: their age does not count. */
  readonly days: number | null;
};

export type RetentionPlan<Archive> = { readonly removed: readonly Archive[]; readonly kept: readonly Archive[] };

/**
 * Which of one engine's archives may go. One stays when any of this holds:
 * - it is among the `count` newest of those that hold the same scopes, so that nightly dumps do not push out a weekly archive of the files;
 * - it is no older than `days` × 24 h, or its time has not come yet: a clock was wrong;
 * - it is the newest that holds all of `requiredScopes`, or the newest such that was verified;
 * - it is the newest that holds some scope, or the newest such that was verified.
 * A rule of which both are null removes nothing.
 */
export function planRetention<Archive extends RetainableArchive>(
  archives: readonly Archive[],
  rule: RetentionRule,
  requiredScopes: readonly string[],
  now: Date,
): RetentionPlan<Archive> {
  if (rule.count === null && rule.days === null) return { removed: [], kept: archives };
  const newestFirst = archives.toSorted(
    (one, other) => other.madeAt.getTime() - one.madeAt.getTime() || (one.path < other.path ? 1 : -1),
  );
  const needed = neededArchives(newestFirst, requiredScopes);
  const seen = new Map<string, number>();
  const removed: Archive[] = [];
  const kept: Archive[] = [];
  for (const archive of newestFirst) {
    const group = archive.scopes.toSorted().join(" ");
    const before = seen.get(group) ?? 0;
    seen.set(group, before + 1);
    const stays =
      (rule.count !== null && before < rule.count) ||
      (rule.days !== null && now.getTime() - archive.madeAt.getTime() <= rule.days * dayMs) ||
      archive.madeAt.getTime() > now.getTime() ||
      needed.has(archive);
    (stays ? kept : removed).push(archive);
  }
  return { removed, kept };
}

/** Those without which nobody could restore all of the engine, or one of its scopes, as well as now. */
function neededArchives<Archive extends RetainableArchive>(
  newestFirst: readonly Archive[],
  requiredScopes: readonly string[],
): Set<Archive> {
  const scopes = new Set(newestFirst.flatMap((archive) => archive.scopes));
  const demands = [requiredScopes, ...Array.from(scopes, (scope) => [scope])];
  const needed = new Set<Archive>();
  for (const demand of demands) {
    const holding = newestFirst.filter((archive) => demand.every((scope) => archive.scopes.includes(scope)));
    const verified = holding.find(({ isVerified }) => isVerified);
    for (const archive of [holding[0], verified]) if (archive !== undefined) needed.add(archive);
  }
  return needed;
}
