import { InvalidArgumentError } from "commander";
import { isScope } from "../contract/scope.ts";
import { readFqdn } from "../settings/setting-values.ts";

/** A scope. Throws commander's InvalidArgumentError, which is wrong usage. */
export function parseScope(text: string): string {
  if (isScope(text)) return text;
  throw new InvalidArgumentError("A scope is a lower-case word such as db or files: letters, digits, - and _.");
}

/** An engine's name. Throws commander's InvalidArgumentError, which is wrong usage. */
export function parseFqdn(text: string): string {
  try {
    return readFqdn(text, "the engine");
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
