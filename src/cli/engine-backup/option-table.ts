import { modes, type OptionArgument, type OptionDefinition } from "./option-definition.ts";

/** Every option of engine-backup, in the order of the help. */
export const optionTable = [
  {
    name: "mode",
    argument: { kind: "choice", name: "MODE", values: modes },
    modes,
    group: "Every mode:",
    help: "what to do",
    byDefault: "backup",
  },
  {
    name: "scope",
    argument: { kind: "text", name: "SCOPE" },
    repeats: true,
    modes: ["backup"],
    group: "Every mode:",
    help: "all, db, dwhdb, reportsdb, files or another configured scope; may be repeated",
    byDefault: "all",
  },
  {
    name: "file",
    argument: { kind: "text", name: "FILE" },
    modes,
    group: "Every mode:",
    help: 'the archive; "-": standard output',
    byDefault: "a name of its own in the archive directory",
  },
  {
    name: "log",
    argument: { kind: "text", name: "FILE" },
    modes,
    group: "Every mode:",
    help: "the log",
    byDefault: "a file of its own in the home's log directory",
  },
  {
    name: "exclude-table",
    short: "T",
    argument: { kind: "text", name: "PATTERN" },
    repeats: true,
    modes: ["backup"],
    group: "Backup:",
    help: "leave out tables, as pg_dump's -T does; adds to the option BackupExcludedTables",
  },
  {
    name: "exclude-table-data",
    argument: { kind: "text", name: "PATTERN" },
    repeats: true,
    modes: ["backup"],
    group: "Backup:",
    help: "leave out tables' rows; adds to the option BackupExcludedTableData",
  },
  {
    name: "no-report",
    argument: null,
    modes: ["backup"],
    group: "Backup:",
    help: "record nothing: neither start nor end",
  },
] as const satisfies readonly OptionDefinition[];

type Defined = (typeof optionTable)[number];
type ValueOf<Argument extends OptionArgument | null> = Argument extends null
  ? true
  : Argument extends { readonly kind: "number" }
    ? number
    : Argument extends { readonly kind: "choice"; readonly values: readonly (infer Value)[] }
      ? Value
      : string;

/** What was given, by the options' names. */
export type OptionValues = {
  readonly [Definition in Defined as Definition["name"]]?: Definition extends { readonly repeats: true }
    ? readonly ValueOf<Definition["argument"]>[]
    : ValueOf<Definition["argument"]>;
};
