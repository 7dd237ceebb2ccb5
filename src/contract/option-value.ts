import { BackupAwarenessError } from "./errors.ts";
import type { OptionDefinition, OptionValue } from "./option.ts";
import { isScope } from "./scope.ts";

/** Limits of sql/procedures/options_sp.sql, which has the last word. */
const mostScopes = 100;
const mostPatterns = 10_000;
const longestPattern = 1000;
/** How much of a refused value an error quotes. */
const longestQuote = 200;

/** What an option may be set to, as errors and help say it: `a whole number from 1 to 8760, or -1`. */
export function allowedValues(definition: OptionDefinition): string {
  switch (definition.type) {
    case "integer": {
      const range = `a whole number from ${definition.minimum} to ${definition.maximum}`;
      return definition.special.length === 0 ? range : `${range}, or ${definition.special.join(", ")}`;
    }
    case "scopes":
      return "a list of one or more scopes, separated by commas, none twice";
    case "patterns":
      return "a list of pg_dump patterns, separated by commas, maybe empty";
  }
}

/** A value as engine-config prints it and takes it again: a number, or a list separated by commas. */
export function formatOptionValue(value: OptionValue): string {
  return typeof value === "number" ? String(value) : value.join(",");
}

/**
 * A value as a person types it. Numbers are plain decimal digits; lists are separated by commas, blanks around an item do not count, and a
 * comma within double quotes belongs to its pattern, as pg_dump itself reads patterns.
 *
 * @throws OPTION_INVALID, naming option, value and what is allowed
 */
export function parseOptionValue(definition: OptionDefinition, text: string): OptionValue {
  switch (definition.type) {
    case "integer":
      return parseInteger(definition, text);
    case "scopes":
      return parseScopes(definition, text);
    case "patterns":
      return parsePatterns(definition, text);
  }
}

function parseInteger(definition: Extract<OptionDefinition, { type: "integer" }>, text: string): number {
  // At most nine digits, as in the database: no value can be lost in a conversion.
  const number = /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  const inRange = number >= definition.minimum && number <= definition.maximum;
  if (!inRange && !definition.special.includes(number)) throw refused(definition, text);
  return number;
}

function parseScopes(definition: OptionDefinition, text: string): readonly string[] {
  const scopes = text.split(",").map((scope) => scope.trim());
  const bad = scopes.find((scope) => !isScope(scope));
  if (bad !== undefined)
    throw refused(
      definition,
      text,
      bad === ""
        ? "it has an empty item"
        : `${quoted(bad)} is not a scope (a lower-case letter, then up to 63 letters, digits, "_" or "-")`,
    );
  const twice = scopes.find((scope, index) => scopes.indexOf(scope) !== index);
  if (twice !== undefined) throw refused(definition, text, `${quoted(twice)} stands there twice`);
  if (scopes.length > mostScopes)
    throw refused(definition, text, `it has ${scopes.length} items; at most ${mostScopes} are allowed`);
  return scopes;
}

function parsePatterns(definition: OptionDefinition, text: string): readonly string[] {
  if (text.trim() === "") return [];
  const patterns = splitOutsideQuotes(text);
  if (patterns === null) throw refused(definition, text, "a double quote is not closed");
  for (const pattern of patterns) {
    if (pattern === "") throw refused(definition, text, "it has an empty item");
    if (Array.from(pattern).length > longestPattern)
      throw refused(definition, text, `an item is longer than ${longestPattern} characters`);
    if (/\p{Cc}/u.test(pattern)) throw refused(definition, text, `${quoted(pattern)} has a control character`);
  }
  if (patterns.length > mostPatterns)
    throw refused(definition, text, `it has ${patterns.length} items; at most ${mostPatterns} are allowed`);
  return patterns;
}

/** The items between the commas that are not within double quotes, without the blanks around them; null: a quote is not closed. */
function splitOutsideQuotes(text: string): readonly string[] | null {
  const items: string[] = [];
  let item = "";
  let inQuotes = false;
  for (const character of text) {
    if (character === '"') inQuotes = !inQuotes;
    if (character === "," && !inQuotes) {
      items.push(item.trim());
      item = "";
    } else item += character;
  }
  return inQuotes ? null : [...items, item.trim()];
}

function refused(definition: OptionDefinition, text: string, reason?: string): BackupAwarenessError {
  const why = reason === undefined ? "" : `: ${reason}`;
  return new BackupAwarenessError(
    "OPTION_INVALID",
    `option ${definition.name}: ${quoted(text)} is not ${allowedValues(definition)}${why}`,
    {
      hint: "nothing was changed",
    },
  );
}

function quoted(text: string): string {
  const characters = Array.from(text);
  return JSON.stringify(characters.length > longestQuote ? `${characters.slice(0, longestQuote).join("")} […]` : text);
}
