import { BackupAwarenessError } from "../../contract/errors.ts";

/** False: there is no such thing. */
export async function unlessUnknown(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof BackupAwarenessError && ["ALERT_UNKNOWN", "ENGINE_UNKNOWN"].includes(error.code)) return false;
    throw error;
  }
}
