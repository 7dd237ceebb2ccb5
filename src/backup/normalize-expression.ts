/*
 * PostgreSQL stores an expression as a tree and writes it anew when asked. Read in again, that text can give a tree with other casts, so
 * that the second text differs from the first though both mean the same: `x IN ('a', 'b')` of a varchar is the best known.
 */

const word = String.raw`[a-zA-Z_\u0080-\uffff][\w$\u0080-\uffff]*`;
const quoted = String.raw`"(?:[^"]|"")*"`;
const literal = String.raw`'(?:[^']|'')*'`;
const typeName = String.raw`(?:character varying|bit varying|double precision|(?:${quoted}|${word})(?:\.(?:${quoted}|${word}))*)`;
const typeEnd = String.raw`(?:\(\d+(?:,\d+)?\))?(?: with(?:out)? time zone)?(?:\[\d*\])*`;
const token = new RegExp(
  String.raw`${literal}|${quoted}|(?<cast>::${typeName}${typeEnd})|${word}|[\d.]+|[^\s()]`,
  "gu",
);

/** An expression, as PostgreSQL writes it, without what a dump and a restore may change: casts, parentheses and blanks. Not to be read by anybody but hashed. */
export function normalizeExpression(text: string): string {
  const tokens: string[] = [];
  for (const { 0: found, groups } of text.matchAll(token)) if (groups?.["cast"] === undefined) tokens.push(found);
  return tokens.join(" ");
}
