import type { OptionDefinition } from "./option-definition.ts";

const text = (name: string) => ({ kind: "text", name }) as const;

/** Where a database is restored instead of where the settings say: the same eight for each of oVirt's three databases. */
function credentialOptions<const Prefix extends "db" | "dwh-db" | "reports-db">(prefix: Prefix, scope: string) {
  const common = {
    modes: ["restore"],
    group: `Restore scope ${scope} elsewhere:`,
    needs: { option: `change-${prefix}-credentials`, instead: `add --change-${prefix}-credentials` },
  } as const;
  return [
    {
      name: `change-${prefix}-credentials`,
      argument: null,
      modes: ["restore"],
      group: common.group,
      help: "not to the database that the settings name, but with what the options below say; what they leave out stays",
    },
    { name: `${prefix}-host`, argument: text("HOST"), ...common, help: "its host" },
    {
      name: `${prefix}-port`,
      argument: { kind: "number", name: "PORT", minimum: 1, maximum: 65535 },
      ...common,
      help: "its port",
    },
    { name: `${prefix}-user`, argument: text("USER"), ...common, help: "the login" },
    {
      name: `${prefix}-passfile`,
      argument: text("FILE"),
      ...common,
      help: "a file that holds the password, or libpq's password file",
    },
    {
      name: `${prefix}-password`,
      argument: text("PASSWORD"),
      ...common,
      help: "the password, which others on this machine can then see: better a file",
      contradicts: [{ option: `${prefix}-passfile`, instead: "give the password by its file alone" }],
    },
    { name: `${prefix}-name`, argument: text("NAME"), ...common, help: "the database's name" },
    { name: `${prefix}-secured`, argument: null, ...common, help: "connect by TLS" },
    {
      name: `${prefix}-secured-validation`,
      argument: null,
      ...common,
      help: "connect by TLS and demand that the server's certificate bears its host's name",
    },
  ] as const;
}

const restore = { modes: ["restore"], group: "Restore:" } as const;

/** What `--mode=restore` takes besides. */
export const restoreOptions = [
  {
    name: "force",
    argument: null,
    ...restore,
    help: "replace what is there; without it only an empty or a missing target is restored into",
  },
  {
    name: "disconnect",
    argument: null,
    ...restore,
    help: "end the sessions of whoever is connected when the restored database takes its place",
  },
  {
    name: "drop-former",
    argument: null,
    ...restore,
    help: "remove the replaced database or files at the end, instead of keeping them under another name",
  },
  {
    name: "restore-permissions",
    argument: null,
    ...restore,
    help: "restore owners and rights",
    byDefault: "yes",
    contradicts: [{ option: "no-restore-permissions", instead: "leave one of them out" }],
  },
  { name: "no-restore-permissions", argument: null, ...restore, help: "all of it belongs to whoever restores" },
  {
    name: "db-restore-jobs",
    argument: { kind: "number", name: "N", minimum: 1, maximum: 256 },
    ...restore,
    help: "how many tables of a database are loaded side by side",
    byDefault: "as many as there are processors, at most 4",
    contradicts: [{ option: "fast-restore", instead: "leave one of them out" }],
  },
  { name: "fast-restore", argument: null, ...restore, help: "as many jobs as there are processors" },
  {
    name: "tmpdir",
    argument: text("DIRECTORY"),
    ...restore,
    help: "where the dumps are extracted to; they need their uncompressed size",
    byDefault: "$TMPDIR, else /var/tmp",
  },
  { name: "keep-temporary-data", argument: null, ...restore, help: "leave the extracted dumps there" },
  {
    name: "provision-db",
    argument: null,
    ...restore,
    help: "make role and database of scope db where they are missing",
  },
  { name: "provision-dwh-db", argument: null, ...restore, help: "the same of scope dwhdb" },
  { name: "provision-reports-db", argument: null, ...restore, help: "the same of scope reportsdb" },
  { name: "provision-all-databases", argument: null, ...restore, help: "the same of every scope" },
  {
    name: "provision-url",
    argument: text("URL"),
    ...restore,
    help: "a login that may make roles and databases, as postgres://postgres@db.example.com/postgres",
    byDefault: "the database's own login",
  },
  ...credentialOptions("db", "db"),
  ...credentialOptions("dwh-db", "dwhdb"),
  ...credentialOptions("reports-db", "reportsdb"),
] as const satisfies readonly OptionDefinition[];
