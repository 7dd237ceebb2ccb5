import { findDaemon } from "../../database/daemon-lock.ts";
import type { Settings } from "../../settings/settings.ts";
import { type Finding, fine, problem, warning } from "./finding.ts";

/** Whether somebody checks. A database that hosts share may be checked by another host's daemon: whether it is, the check's own finding tells. */
export async function examineDaemon(settings: Pick<Settings, "home" | "databaseUrl">): Promise<Finding> {
  const pid = await findDaemon(settings);
  if (pid !== null) return fine("daemon", `it runs (process ${pid})`);
  const start = "backup-awareness service install starts it at every boot; backup-awareness start, now";
  return settings.databaseUrl === null
    ? problem("daemon", "it does not run: nobody checks, nobody is warned", start)
    : warning(
        "daemon",
        "none runs on this host",
        `${start}; none is needed here where another host's daemon checks this database`,
      );
}
