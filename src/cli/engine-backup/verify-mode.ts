import { resolve } from "node:path";
import { findNewestArchive } from "../../backup/find-archives.ts";
import { readFileState, removeVerificationRecord, writeVerificationRecord } from "../../backup/verification-record.ts";
import type { Verification } from "../../backup/verify/verification.ts";
import { type Unopened, verifyArchive } from "../../backup/verify/verify-archive.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { createHome } from "../../settings/home.ts";
import type { Settings } from "../../settings/settings.ts";
import type { CommandContext } from "../command-context.ts";
import { OwnDatabases } from "../own-databases.ts";
import { printJson } from "../print-json.ts";
import { tellError } from "../run-program.ts";
import { failureSignal } from "./failure-signal.ts";
import { openRunLog } from "./open-run-log.ts";
import type { OptionValues } from "./option-table.ts";
import { createPercentLine } from "./percent-line.ts";
import { renderVerification, tellVerification, verificationAsJson } from "./verify-summary.ts";

/** `engine-backup --mode=verify`: reads an archive to its end and remembers whether it is whole. */
export async function verify(context: CommandContext, options: OptionValues): Promise<void> {
  if (options.file === "-") {
    throw new BackupAwarenessError("USAGE", "an archive to verify cannot come from standard input", {
      hint: "it is looked at from both its ends: name a file with --file=FILE",
    });
  }
  process.umask(0o077);
  const settings = await context.loadSettings();
  await createHome(settings, context.environment.userId);
  context.handleInterrupts();
  const log = openRunLog(context, settings, options.log);
  const databases = new OwnDatabases(context, settings, log);
  const progress = createPercentLine(context.stderr, "verifying");
  const signal = failureSignal(context.signal, "the verification");
  try {
    const path = options.file === undefined ? await newestArchive(settings) : resolve(options.file);
    log.info(`engine-backup ${context.programVersion}: verifying ${path}`);
    const state = await readFileState(path).catch(() => null);
    const { env } = context.environment;
    const request = { path, scopes: options.scope ?? [] };
    const verification = await verifyArchive(request, { env, signal, onProgress: progress.show });
    progress.end();
    for (const { message } of verification.problems) log.error(message);
    if (verification.problems.length === 0) log.info(tellVerification(verification));
    await remember(context, path, state, verification);
    if (options["no-report"] !== true) await recordEvent(databases, settings, path, verification);
    if (options.json === true) printJson(context.stdout, verificationAsJson(path, verification, log.path));
    else context.stdout.write(renderVerification(path, verification, log.path, context.stdout.paint));
    context.setExitCode(verification.problems.length === 0 ? 0 : 1);
  } catch (error) {
    progress.end();
    log.error(error instanceof Error ? error.message : String(error));
    const quiet = { stderr: context.stderr, environment: context.environment, signal: new AbortController().signal };
    context.setExitCode(tellError(quiet, error));
  } finally {
    await databases.close();
    log.close();
  }
}

async function newestArchive(settings: Settings): Promise<string> {
  const newest = await findNewestArchive(settings.archiveDirectory, settings.fqdn);
  if (newest !== null) return newest;
  throw new BackupAwarenessError(
    "ARCHIVE_UNREADABLE",
    `there is no archive of ${settings.fqdn} in "${settings.archiveDirectory}"`,
    { hint: "name one with --file=FILE, or make one: engine-backup --mode=backup" },
  );
}

/** A record that cannot be written is a warning: the archive is what it is. */
async function remember(
  context: CommandContext,
  path: string,
  state: Awaited<ReturnType<typeof readFileState>> | null,
  { problems }: Verification | Unopened,
): Promise<void> {
  try {
    if (problems.length > 0) await removeVerificationRecord(path);
    else if (state !== null)
      await writeVerificationRecord(path, state, {
        verifiedAt: context.now(),
        programVersion: context.programVersion,
      });
  } catch (error) {
    context.stderr.write(`warning: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

async function recordEvent(
  databases: OwnDatabases,
  settings: Settings,
  path: string,
  verification: Verification | Unopened,
): Promise<void> {
  const fqdn =
    verification.archive === null ? settings.fqdn : (verification.description?.manifest?.fqdn ?? settings.fqdn);
  const [problem] = verification.problems;
  if (problem === undefined)
    await databases.logArchiveEvent(
      "ARCHIVE_VERIFIED",
      fqdn,
      `"${path}" was verified: ${tellVerification(verification)}`,
    );
  else
    await databases.logArchiveEvent(
      "ARCHIVE_NOT_VERIFIED",
      fqdn,
      `"${path}" was verified and is not whole: ${verification.problems.map(({ message }) => message).join("; ")}`,
    );
}
