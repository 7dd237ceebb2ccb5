import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { readImporters, removeOtherImporters } from "../database/importers.ts";
import { importingHost, runImporter } from "../report/import/run-importer.ts";
import type { ImporterSettings } from "../settings/settings.ts";
import { reasonOf } from "./watch-database.ts";

/** How soon an importer that is due is run. */
const pollMs = 30_000;

export type KeepImportingOptions = {
  readonly importers: readonly ImporterSettings[];
  readonly pool: Pool;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly now: () => Date;
  readonly actor: string;
};

/**
 * Runs this host's importers, one after the other, each when its time has come, until `signal` aborts. When each ran last is kept in the database, so that a restart
 * runs none too early. Those that the settings name no longer are forgotten first. Never rejects.
 */
export async function keepImporting(options: KeepImportingOptions, signal: AbortSignal): Promise<void> {
  const { pool, logger, importers, actor } = options;
  const host = importingHost();
  let hasForgotten = false;
  for (;;) {
    try {
      if (!hasForgotten) await removeOtherImporters(pool, host, importers, actor);
      hasForgotten = true;
      if (importers.length === 0) return;
      await runDueImporters(options, host, signal);
    } catch (error) {
      // That the database is away is the watch's to tell.
      if (!signal.aborted) logger.debug({ reason: reasonOf(error) }, "the importers could not be run");
    }
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
  }
}

async function runDueImporters(options: KeepImportingOptions, host: string, signal: AbortSignal): Promise<void> {
  const { pool, logger, env, now } = options;
  const known = await readImporters(pool);
  for (const importer of options.importers) {
    const { name, scope, fqdn, everyMs } = importer;
    const last = known.find((each) => each.name === name && each.scope === scope && each.fqdn === fqdn);
    if (last !== undefined && now().getTime() - last.ranAt.getTime() < everyMs && last.ranAt <= now()) continue;
    signal.throwIfAborted();
    const result = await runImporter({ pool, importer, host, env, input: null, now, signal });
    const details = { importer: name, scope, engine: fqdn, ...result };
    if (result.fault !== null) logger.warn(details, `the importer ${name} has a fault: ${result.fault}`);
    else if (result.recorded + result.history > 0)
      logger.info(details, `the importer ${name} found ${result.recorded + result.history} backups`);
    else logger.debug(details, `the importer ${name} found nothing new`);
  }
}
