/**
 * The tools whose own lists of backups are read, each with what is particular to it. docs/tools says how to set up each; config.toml's `[importers.NAME]` and
 * `backup-awareness import` read this table.
 */
export const importerKinds = {
  restic: {
    source: "command",
    command: ["restic", "snapshots", "--json", "--no-lock"],
    listsAll: true,
    mayAcceptUnknown: true,
  },
  borg: {
    source: "command",
    command: ["borg", "list", "--json", "--format", "{end}{hostname}"],
    listsAll: true,
    mayAcceptUnknown: true,
  },
  pgbackrest: {
    source: "command",
    command: ["pgbackrest", "info", "--output=json"],
    listsAll: true,
    mayAcceptUnknown: false,
  },
  barman: { source: "command", command: null, listsAll: true, mayAcceptUnknown: false },
  "barman-cloud": { source: "command", command: null, listsAll: true, mayAcceptUnknown: false },
  "wal-g": {
    source: "command",
    command: ["wal-g", "backup-list", "--detail", "--json"],
    listsAll: true,
    mayAcceptUnknown: false,
  },
  "wal-verify": {
    source: "command",
    command: ["wal-g", "wal-verify", "integrity", "--json"],
    listsAll: false,
    mayAcceptUnknown: false,
  },
  archiver: { source: "command", command: null, listsAll: false, mayAcceptUnknown: false },
  "backup-history": { source: "directory", command: null, listsAll: true, mayAcceptUnknown: true },
  dumps: { source: "directory", command: null, listsAll: true, mayAcceptUnknown: true },
} as const satisfies Record<string, ImporterKindDefinition>;

type ImporterKindDefinition = {
  readonly source: "command" | "directory";
  /** What is run where no other command is given; null: it must be given. */
  readonly command: readonly string[] | null;
  /** What it does not list any more is gone; otherwise it tells its newest alone. */
  readonly listsAll: boolean;
  /** Its list does not tell outcomes, and an administrator may say that being listed is enough. */
  readonly mayAcceptUnknown: boolean;
};

export type ImporterKind = keyof typeof importerKinds;

export function isImporterKind(word: string): word is ImporterKind {
  return Object.hasOwn(importerKinds, word);
}

/** What an importer may be called. */
export const importerNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/;
