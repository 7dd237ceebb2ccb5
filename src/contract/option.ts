/**
 * The one table of options. engine-config, the console, the API, docs/options.md and (by `database migrate`) the
 * database's own checks are all made from it.
 */
export const optionDefinitions = [
  {
    name: "BackupCheckPeriodInHours",
    type: "integer",
    minimum: 1,
    maximum: 8760,
    /** Values outside minimum..maximum that have a meaning of their own. */
    special: [-1],
    defaultValue: 6,
    help: "How often the check runs, in hours; -1 disables the feature and clears what is open.",
  },
  {
    name: "BackupAlertPeriodInDays",
    type: "integer",
    minimum: 1,
    maximum: 3650,
    special: [],
    defaultValue: 1,
    help: "How old the full backup may be, in days of 24 hours, before it is stale.",
  },
  {
    name: "BackupFullScopes",
    type: "scopes",
    defaultValue: ["db", "files"],
    help: "What a full backup must cover: a list of scopes, separated by commas.",
  },
  {
    name: "BackupExcludedTables",
    type: "patterns",
    defaultValue: [],
    help: "Tables that engine-backup leaves out altogether (pg_dump -T). Leaving out a definition breaks foreign keys and the restored application.",
  },
  {
    name: "BackupExcludedTableData",
    type: "patterns",
    defaultValue: [
      "async_tasks",
      "async_tasks_entities",
      "business_entity_snapshot",
      "command_entities",
      "command_assoc_entities",
      "job",
      "job_subject_entity",
      "step",
      "step_subject_entity",
    ],
    help: "Tables whose definition engine-backup keeps and whose rows it leaves out (pg_dump --exclude-table-data): tasks and jobs, so that a restored engine starts clean.",
  },
  {
    name: "BackupStalledAfterHours",
    type: "integer",
    minimum: 1,
    maximum: 8760,
    special: [],
    defaultValue: 24,
    help: "How many hours after its start a backup that neither completed nor failed counts as stalled.",
  },
  {
    name: "AuditLogRetentionInDays",
    type: "integer",
    minimum: 30,
    maximum: 36500,
    special: [],
    defaultValue: 400,
    help: "How many days events are kept. The events of an open alert are kept as long as it is open.",
  },
] as const satisfies readonly OptionDefinition[];

export type OptionDefinition =
  | {
      readonly name: string;
      readonly type: "integer";
      readonly minimum: number;
      readonly maximum: number;
      readonly special: readonly number[];
      readonly defaultValue: number;
      readonly help: string;
    }
  | {
      readonly name: string;
      /** scopes: at least one, each a scope, none twice; patterns: pg_dump patterns, maybe none. */
      readonly type: "scopes" | "patterns";
      readonly defaultValue: readonly string[];
      readonly help: string;
    };

export type OptionName = (typeof optionDefinitions)[number]["name"];
export type OptionValue = number | readonly string[];
