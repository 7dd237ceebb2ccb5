/**
 * What others wrote, fit for a terminal: a report's text must not move the cursor, change colours or turn the direction of
 * writing. Line feeds and tabs stay; what may harm becomes a visible replacement character.
 */
export function printable(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\u{FFFD}");
}

/** The first line that says something, cut to so many characters. */
export function firstLine(text: string, longest: number): string {
  const line =
    printable(text)
      .split("\n")
      .find((part) => part.trim() !== "")
      ?.trim() ?? "";
  const characters = Array.from(line);
  return characters.length > longest ? `${characters.slice(0, longest - 1).join("")}…` : line;
}

/** The text with all lines but the first indented by so many blanks. */
export function indented(text: string, blanks: number): string {
  return printable(text)
    .trimEnd()
    .split("\n")
    .join(`\n${" ".repeat(blanks)}`);
}
