import type { Database } from "../database/database.ts";
import { openMigratedDatabase } from "../database/open-migrated-database.ts";
import type { Settings } from "../settings/settings.ts";
import type { CommandContext } from "./command-context.ts";

/**
 * Does a command's work on our own database and closes it afterwards, however it ends. The embedded one is made, migrated and
 * started where need be. A signal ends the work between two steps: the promise rejects with an Interrupted.
 */
export async function withDatabase<Result>(
  context: CommandContext,
  work: (database: Database, settings: Settings) => Promise<Result>,
): Promise<Result> {
  const settings = await context.loadSettings();
  const database = await openMigratedDatabase({
    settings,
    environment: context.environment,
    role: "daemon",
    applicationName: context.programName,
    maxConnections: 2,
    sqlDirectory: context.sqlDirectory,
    programVersion: context.programVersion,
    migrates: "embedded",
  });
  const interrupted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    interrupted.reject(context.signal.reason as Error);
  };
  try {
    if (context.signal.aborted) throw context.signal.reason;
    context.signal.addEventListener("abort", onAbort);
    return await Promise.race([work(database, settings), interrupted.promise]);
  } finally {
    context.signal.removeEventListener("abort", onAbort);
    await database.close();
  }
}
