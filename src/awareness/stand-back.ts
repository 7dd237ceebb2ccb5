import { setTimeout as delay } from "node:timers/promises";
import { findRestore } from "../database/restore-lock.ts";
import type { Settings } from "../settings/settings.ts";

/** How soon the daemon lets go of the database once a restore wants it. */
const lookPeriodMs = 250;

/** Why the daemon must not work with its database now, or null: it may. */
export async function reasonToStandBack(settings: Pick<Settings, "home">): Promise<string | null> {
  const pid = await findRestore(settings);
  return pid === null ? null : `standing back while process ${pid} restores it`;
}

/** Calls `standBack` once, with the reason, as soon as a restore wants the database; ends when `signal` aborts. Never rejects. */
export async function watchRestores(
  settings: Pick<Settings, "home">,
  standBack: (reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const reason = await reasonToStandBack(settings).catch(() => null);
    if (reason !== null) {
      standBack(reason);
      return;
    }
    await delay(lookPeriodMs, undefined, { signal }).catch(() => undefined);
  }
}
