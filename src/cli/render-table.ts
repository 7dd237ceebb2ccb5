import { printable } from "../contract/printable.ts";

/** A table for a terminal: columns as wide as their widest cell, two blanks between them, one line for each row. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = [header, ...rows.map((row) => row.map((cell) => printable(cell).replace(/\s+/g, " ")))];
  const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
