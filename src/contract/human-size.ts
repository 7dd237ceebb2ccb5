const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `1.4 GiB` */
export function humanSize(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log(bytes) / Math.log(1024)), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${value.toFixed(power > 0 && value < 100 ? 1 : 0)} ${units[power] ?? ""}`;
}

/** `0.8 s`, `4 min 5 s`, `2 h 10 min` */
export function humanDuration(durationMs: number): string {
  const seconds = durationMs / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
