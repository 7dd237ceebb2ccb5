import { join } from "node:path";
import type { Command } from "commander";
import { examineArchive } from "../backup/doctor/examine-archive.ts";
import { examineDaemon } from "../backup/doctor/examine-daemon.ts";
import { examineOwnDatabase } from "../backup/doctor/examine-own-database.ts";
import { examineScopes } from "../backup/doctor/examine-scopes.ts";
import { examineSpool } from "../backup/doctor/examine-spool.ts";
import { type Finding, findingGroups, problemOf } from "../backup/doctor/finding.ts";
import type { Database } from "../database/database.ts";
import { openDatabase } from "../database/open-database.ts";
import { openMigratedDatabase } from "../database/open-migrated-database.ts";
import { homePlaces, type Settings } from "../settings/settings.ts";
import type { CommandContext, Output, Style } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { printable } from "../contract/printable.ts";
import { printJson } from "./print-json.ts";

/** `backup-awareness doctor`: what would make tonight's backup fail. */
export function addDoctorCommand(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .summary("find what would make tonight's backup fail")
    .description(
      "Looks at everything that a backup and its warning need: the databases, pg_dump, paths, space, the spool, clocks, the daemon. Each line says what to do. Exit code 1 if there is a problem. It changes nothing.",
    )
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness doctor", "as the user who makes the backups"],
        ["backup-awareness doctor --json | jq '.findings[] | select(.level == \"problem\")'", "the problems alone"],
      ),
    )
    .action(async (options: { json?: true }) => {
      const settings = await context.loadSettings();
      const findings = await examine(context, settings);
      const count = (level: Finding["level"]): number => findings.filter((finding) => finding.level === level).length;
      const [problems, warnings] = [count("problem"), count("warning")];
      if (options.json) printJson(context.stdout, { problems, warnings, findings });
      else context.stdout.write(render(findings, problems, warnings, context.stdout));
      context.setExitCode(problems > 0 ? 1 : 0);
    });
}

async function examine(context: CommandContext, settings: Settings): Promise<readonly Finding[]> {
  // While our own database is open, the embedded server stays; the scopes' examination uses it too.
  const own = await openOwn(context, settings);
  try {
    const ownFindings = "pool" in own ? await examineOwn(own, context) : [own];
    const scopes = await examineScopes({
      settings,
      path: context.environment.env["PATH"],
      openForDump: (url, scope) =>
        openDatabase({
          settings: { home: settings.home, databaseUrl: url ?? settings.databaseUrl },
          ...(url === null ? {} : { urlKey: `scopes.${scope}.url` }),
          environment: context.environment,
          role: "owner",
          applicationName: "backup-awareness doctor",
          maxConnections: 1,
        }),
    });
    return [
      ...ownFindings,
      await examineDaemon(settings),
      ...(await examineSpool(join(settings.home, homePlaces.spool))),
      ...scopes.findings,
      ...(await examineArchive(settings, scopes.databaseBytes)),
    ];
  } finally {
    if ("pool" in own) await own.close();
  }
}

async function openOwn(context: CommandContext, settings: Settings): Promise<Database | Finding> {
  try {
    return await openMigratedDatabase({
      settings,
      environment: context.environment,
      role: "daemon",
      applicationName: "backup-awareness doctor",
      maxConnections: 1,
      sqlDirectory: context.sqlDirectory,
      programVersion: context.programVersion,
      migrates: "embedded",
    });
  } catch (error) {
    return problemOf("own database", "it cannot be used", error);
  }
}

async function examineOwn(own: Database, context: CommandContext): Promise<readonly Finding[]> {
  try {
    return await examineOwnDatabase(own.pool, () => context.now());
  } catch (error) {
    return [problemOf("own database", "it cannot be used", error)];
  }
}

const levelStyles: Readonly<Record<Finding["level"], Style>> = {
  ok: "green",
  warning: "yellow",
  problem: ["bold", "red"],
};

function render(findings: readonly Finding[], problems: number, warnings: number, stdout: Output): string {
  const blocks = findingGroups.flatMap((group) => {
    const ofGroup = findings.filter((finding) => finding.group === group);
    if (ofGroup.length === 0) return [];
    const lines = ofGroup.flatMap(({ level, what, todo }) => [
      `  ${stdout.paint(levelStyles[level], level.padEnd(7))}  ${printable(what)}`,
      ...(todo === null ? [] : [`           to do: ${printable(todo)}`]),
    ]);
    return [[stdout.paint("bold", group), ...lines].join("\n")];
  });
  const summary =
    problems > 0
      ? stdout.paint(
          ["bold", "red"],
          `${counted(problems, "problem")}, ${counted(warnings, "warning")}: tonight's backup, or its warning, would fail.`,
        )
      : stdout.paint(["bold", "green"], `No problem, ${counted(warnings, "warning")}.`);
  return `${[...blocks, summary].join("\n\n")}\n`;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
