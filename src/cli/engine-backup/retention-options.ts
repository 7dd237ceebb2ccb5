import type { OptionDefinition } from "./option-definition.ts";

const retention = {
  modes: ["backup"],
  group: "Old archives:",
  contradicts: [
    { option: "file", instead: "leave --file out: only archives in the archive directory are ever removed" },
  ],
} as const;

/** Which archives are there, and which may go. */
export const retentionOptions = [
  {
    name: "list",
    argument: null,
    modes: ["list"],
    group: "Old archives:",
    help: "list the archives in the archive directory: time, scopes, size, when they were verified, engine",
    contradicts: [{ option: "mode", instead: "write --list without --mode" }],
  },
  {
    name: "keep",
    argument: { kind: "number", name: "N", minimum: 1, maximum: 100_000 },
    ...retention,
    help: "after a successful backup remove this engine's archives but for the N newest of those that hold the same scopes, and the last verified full one",
    byDefault: "all are kept",
  },
  {
    name: "keep-days",
    argument: { kind: "number", name: "N", minimum: 1, maximum: 36_500 },
    ...retention,
    help: "the same but for those that are no older than N days; with both, what one of them keeps is kept",
    byDefault: "all are kept",
  },
] as const satisfies readonly OptionDefinition[];
