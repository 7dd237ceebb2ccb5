import type { Pool } from "pg";
import type { Logger } from "pino";
import { type Metrics, readMetrics } from "../../awareness/read-metrics.ts";
import { withTimeout } from "../../awareness/watch-database.ts";
import { type BuildInfo, renderMetrics } from "./render-metrics.ts";

export type ScrapeOptions = {
  /** The database. Throws at once while it is known to be away. */
  readonly pool: () => Pool;
  readonly mostEngines: number;
  readonly build: BuildInfo;
  readonly logger: Logger;
};

/** Less than the ten seconds that Prometheus gives a scrape. */
const readTimeoutMs = 8_000;

/** What /metrics says now. Whoever asks while it is being read gets the same answer, so that many scrapers cost no more than one. */
export function scraper(options: ScrapeOptions): () => Promise<string> {
  let running: Promise<string> | null = null;
  return () =>
    (running ??= scrape(options).finally(() => {
      running = null;
    }));
}

async function scrape({ pool, mostEngines, build, logger }: ScrapeOptions): Promise<string> {
  const begunAt = performance.now();
  let metrics: Metrics | null = null;
  try {
    metrics = await withTimeout(readMetrics(pool(), mostEngines), readTimeoutMs);
  } catch (error) {
    // That the database is away is told elsewhere, too.
    logger.debug({ err: error }, "the metrics could not be read");
  }
  return renderMetrics(metrics, build, (performance.now() - begunAt) / 1000);
}
