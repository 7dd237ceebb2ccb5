import { type Command, Option } from "commander";
import { humanSize } from "../contract/human-size.ts";
import { readDatabaseStatus } from "../database/database-status.ts";
import { embeddedPlaces } from "../database/embedded/places.ts";
import { findRunningServer } from "../database/embedded/server.ts";
import { readSchemaSource, schemaStatus } from "../database/migrate.ts";
import { databaseUrl, openDatabase } from "../database/open-database.ts";
import { migrateDatabase } from "../database/open-migrated-database.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { withDatabase } from "./with-database.ts";

const urlRoles = ["backup_awareness", "backup_reporter"] as const;
type UrlRole = (typeof urlRoles)[number];

/** `backup-awareness database url|migrate|status`. */
export function addDatabaseCommand(program: Command, context: CommandContext): void {
  const database = program
    .command("database")
    .summary("show, migrate or reach the database")
    .description("The database in which everything is kept: the embedded one, or the one that database.url names.")
    .addHelpText(
      "after",
      examples(
        [`psql "$(backup-awareness database url)"`, "look into it"],
        ["backup-awareness database status", "its version, its schema, its size"],
        ["backup-awareness database migrate", "bring it to this program's schema"],
      ),
    );
  addUrlCommand(database, context);
  addMigrateCommand(database, context);
  addStatusCommand(database, context);
}

function addUrlCommand(database: Command, context: CommandContext): void {
  database
    .command("url")
    .summary("print a URL for psql and other clients")
    .description(
      "Prints a URL that psql accepts. It never holds a password; that of the embedded database is in the file that it names.",
    )
    .addOption(
      new Option("--role <role>", "who is to log in; a reporter may report and do nothing else")
        .choices(urlRoles)
        .default(urlRoles[0]),
    )
    .addHelpText(
      "after",
      examples(
        [
          `psql "$(backup-awareness database url)" -c "SELECT LogEngineBackupEvent('db', now(), 1, 'ok', '', '')"`,
          "report from a script",
        ],
        ["backup-awareness database url --role backup_reporter", "what a reporter needs"],
      ),
    )
    .action(async (options: { role: UrlRole }) => {
      await printUrl(context, options.role);
    });
}

async function printUrl(context: CommandContext, role: UrlRole): Promise<void> {
  const settings = await context.loadSettings();
  let url = await databaseUrl(settings, role);
  if (url === null) {
    // It has never run: its port is not known before it does.
    await withDatabase(context, () => Promise.resolve());
    url = await databaseUrl(settings, role);
  }
  context.stdout.write(`${url ?? ""}\n`);
  if (settings.databaseUrl === null) {
    const server = await findRunningServer(embeddedPlaces(settings.home));
    if (server === null)
      context.stderr.write("note: the embedded database does not run now; `backup-awareness start` runs it\n");
  } else if (role === "backup_reporter") {
    context.stderr.write(
      "note: backup_reporter must be able to log in, once: alter role backup_reporter login password '…'\n",
    );
  }
}

function addMigrateCommand(database: Command, context: CommandContext): void {
  database
    .command("migrate")
    .summary("bring the database to this program's schema")
    .description(
      "Creates or upgrades what this program keeps in the database: the schemas backup_awareness and graphile_worker, three roles, the database's search_path. " +
        "What else is in the database is left alone. Running it twice is safe. On a database of your own it needs a superuser, or a role with CREATEROLE that owns the database.",
    )
    .option("--json", "print what was done as JSON")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness database migrate", "the database of the settings"],
        [
          "BACKUP_AWARENESS_DATABASE_URL=postgres://postgres@db1/app backup-awareness database migrate",
          "as a superuser",
        ],
      ),
    )
    .action(async (options: { json?: true }) => {
      const outcome = await migrateDatabase({
        settings: await context.loadSettings(),
        environment: context.environment,
        applicationName: context.programName,
        sqlDirectory: context.sqlDirectory,
        programVersion: context.programVersion,
      });
      if (options.json) {
        printJson(context.stdout, {
          version: outcome.version,
          applied: outcome.applied,
          procedures_applied: outcome.proceduresApplied,
        });
        return;
      }
      for (const name of outcome.applied) context.stdout.write(`applied ${name}\n`);
      if (outcome.proceduresApplied) context.stdout.write("applied the procedures\n");
      context.stdout.write(
        `The database is at schema ${outcome.version}${outcome.proceduresApplied ? "" : "; there was nothing to do"}.\n`,
      );
    });
}

function addStatusCommand(database: Command, context: CommandContext): void {
  database
    .command("status")
    .summary("show the database's version, schema and size")
    .description(
      "Shows which server and database are used, whether the schema is this program's, whether unqualified calls find it, and how large it is.",
    )
    .option("--json", "print it as JSON")
    .addHelpText("after", examples(["backup-awareness database status --json | jq .schema", "is a migration due?"]))
    .action(async (options: { json?: true }) => {
      const status = await readStatus(context);
      if (options.json) printJson(context.stdout, status);
      else context.stdout.write(renderStatus(status));
    });
}

async function readStatus(context: CommandContext) {
  const settings = await context.loadSettings();
  const open = {
    settings,
    environment: context.environment,
    role: "daemon",
    applicationName: context.programName,
    maxConnections: 1,
  } as const;
  const database = await openDatabase(open);
  try {
    const source = await readSchemaSource(context.sqlDirectory);
    const schema = await schemaStatus(database.pool, { source, programVersion: context.programVersion });
    const found = await readDatabaseStatus(database.pool);
    return {
      server_version: found.serverVersion,
      embedded: database.embedded,
      url: database.url,
      database: found.database,
      login: found.login,
      role: found.role,
      schema: {
        version: schema.version,
        target: schema.target,
        current: schema.current,
        program_version: schema.programVersion,
      },
      resolves_unqualified: found.resolvesUnqualified,
      search_path: found.searchPath,
      hidden_from_roles: found.hiddenFromRoles,
      size_bytes: {
        database: found.sizeBytes.database,
        backup_awareness: found.sizeBytes.backupAwareness,
        graphile_worker: found.sizeBytes.jobQueue,
      },
    };
  } finally {
    await database.close();
  }
}

function renderStatus(status: Awaited<ReturnType<typeof readStatus>>): string {
  const { schema, size_bytes: sizeBytes } = status;
  const schemaTold = schema.current
    ? `${schema.version}, as this program needs it`
    : `${schema.version}; this program needs ${schema.target}: run \`backup-awareness database migrate\``;
  const calls = status.resolves_unqualified
    ? "`select LogEngineBackupEvent(…)` is found without naming the schema"
    : schema.version === 0
      ? "nothing to call yet"
      : `LogEngineBackupEvent is NOT found without naming the schema (search_path is ${status.search_path})`;
  const rows = [
    ["server", `PostgreSQL ${status.server_version}${status.embedded ? " (embedded)" : ""}`],
    ["url", status.url],
    ["login", status.login === status.role ? status.login : `${status.login}, as ${status.role}`],
    ["schema", schemaTold],
    ["calls", calls],
    ...(status.hidden_from_roles.length === 0
      ? []
      : [
          [
            "",
            `hidden from ${status.hidden_from_roles.join(", ")}: alter role … set search_path = …, backup_awareness`,
          ],
        ]),
    [
      "size",
      `${humanSize(sizeBytes.database)}, of which Backup Awareness ${humanSize(sizeBytes.backup_awareness)}, its job queue ${humanSize(sizeBytes.graphile_worker)}`,
    ],
  ] as const;
  return rows.map(([label = "", text = ""]) => `${label.padEnd(8)}${text}\n`).join("");
}
