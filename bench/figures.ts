/** The figure below which `share` percent of the figures lie. */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))] ?? NaN;
}

export function median(figures: readonly number[]): number {
  return percentile(figures, 50);
}

export function ratio(figure: number, to: number): string {
  return (figure / to).toFixed(2);
}

/** Prints a table in Markdown, so that it can go into the docs as it is. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  console.log([line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n") + "\n");
}
