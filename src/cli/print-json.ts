import type { Output } from "./command-context.ts";

/** One JSON document, for people and jq alike. */
export function printJson(stdout: Output, value: unknown): void {
  stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
