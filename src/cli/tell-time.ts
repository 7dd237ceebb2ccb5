const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** `3 hours ago`, `in 2 days`: whole units, rounded towards now, hours up to two days. */
export function tellAge(moment: Date, now: Date): string {
  const distanceMs = Math.abs(now.getTime() - moment.getTime());
  const past = moment.getTime() <= now.getTime();
  if (distanceMs < minuteMs) return past ? "just now" : "in a moment";
  const [count, unit] =
    distanceMs < hourMs
      ? [Math.floor(distanceMs / minuteMs), "minute"]
      : distanceMs < 2 * dayMs
        ? [Math.floor(distanceMs / hourMs), "hour"]
        : [Math.floor(distanceMs / dayMs), "day"];
  const amount = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return past ? `${amount} ago` : `in ${amount}`;
}

/** `2026-11-23 10:00:00 UTC` */
export function tellMoment(moment: Date): string {
  return `${moment.toISOString().slice(0, -5).replace("T", " ")} UTC`;
}

/** `since 2026-11-23 10:00:00 UTC (3 hours ago)` */
export function tellSince(moment: Date | string, now: Date): string {
  const date = new Date(moment);
  return `since ${tellMoment(date)} (${tellAge(date, now)})`;
}

/** `3 hours ago (2026-11-23 10:00:00 UTC)` */
export function tellMomentAndAge(moment: Date | string, now: Date): string {
  const date = new Date(moment);
  return `${tellAge(date, now)} (${tellMoment(date)})`;
}
