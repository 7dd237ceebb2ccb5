const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** `3 hours ago`, `in 2 days`: whole units, hours up to two days. What is past is as old as it surely is; what comes is rounded. */
export function tellAge(moment: Date, now: Date): string {
  const distanceMs = Math.abs(now.getTime() - moment.getTime());
  const past = moment.getTime() <= now.getTime();
  if (distanceMs < minuteMs) return past ? "just now" : "in a moment";
  const whole = past ? Math.floor : Math.round;
  const [count, unit] =
    whole(distanceMs / minuteMs) < 60
      ? [whole(distanceMs / minuteMs), "minute"]
      : whole(distanceMs / hourMs) < 48
        ? [whole(distanceMs / hourMs), "hour"]
        : [whole(distanceMs / dayMs), "day"];
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
