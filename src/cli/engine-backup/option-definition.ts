/** What `--mode` takes. */
export const modes = ["backup", "verify", "restore"] as const;

/** What a run of engine-backup does; `list` is what `--list` asks for. */
export type Mode = (typeof modes)[number] | "list";

/** What stands after an option's `=`. */
export type OptionArgument =
  | { readonly kind: "text"; readonly name: string }
  /** One of these words; upper and lower case are the same. */
  | { readonly kind: "choice"; readonly name: string; readonly values: readonly string[] }
  | { readonly kind: "number"; readonly name: string; readonly minimum: number; readonly maximum: number };

/** An option of engine-backup's command line. The parser, the help and the table in docs/engine-backup.md are made from it. */
export type OptionDefinition = {
  /** Without the dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** Other spellings that administrators know; not shown. */
  readonly aliases?: readonly string[];
  /** null: a flag. */
  readonly argument: OptionArgument | null;
  /** May be given several times, each adding to the others. */
  readonly repeats?: true;
  readonly modes: readonly Mode[];
  /** The heading below which the help shows it. */
  readonly group: string;
  readonly help: string;
  /** What holds without it, in words. */
  readonly byDefault?: string;
  /** What it cannot stand beside, and what to write instead. */
  readonly contradicts?: readonly { readonly option: string; readonly instead: string }[];
  /** What it says nothing without, and what to write instead. */
  readonly needs?: {
    readonly option: string;
    /** Another that does as well. */
    readonly orOption?: string;
    /** Only there; absent: always. */
    readonly inMode?: Mode;
    readonly instead: string;
  };
};
