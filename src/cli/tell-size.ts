const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `8.4 MiB` */
export function tellSize(sizeBytes: number): string {
  let [size, unit] = [sizeBytes, 0];
  while (size >= 1024 && unit < units.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit] ?? ""}`;
}
