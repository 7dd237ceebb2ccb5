import { modes, type OptionArgument, type OptionDefinition } from "./option-definition.ts";
import { restoreOptions } from "./restore-options.ts";
import { retentionOptions } from "./retention-options.ts";

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
    modes,
    group: "Every mode:",
    help: "all, db, dwhdb, reportsdb, files or another configured scope: what to back up or to restore, or what an archive must hold; may be repeated",
    byDefault: "all; for verify what was asked for when the archive was made; for restore all that is in it",
  },
  {
    name: "file",
    argument: { kind: "text", name: "FILE" },
    modes,
    group: "Every mode:",
    help: 'the archive; "-": standard output, of a backup',
    byDefault: "a name of its own in the archive directory; for verify the newest one there",
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
    name: "json",
    argument: null,
    modes: [...modes, "list"],
    group: "Every mode:",
    help: "print the summary as JSON",
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
    modes,
    group: "Every mode:",
    help: "record nothing in the database: neither a backup's start and end, nor that an archive was verified or restored",
  },
  ...retentionOptions,
  {
    name: "dry-run",
    argument: null,
    modes: ["backup", "restore"],
    group: "Every mode:",
    help: "do nothing, and say what a restore would do and what is in its way, or, with --keep or --keep-days, which archives would be removed",
    needs: {
      option: "keep",
      orOption: "keep-days",
      inMode: "backup",
      instead: "as in: --keep=7 --dry-run, which says what would be removed",
    },
  },
  ...restoreOptions,
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
