import { BackupAwarenessError } from "../../contract/errors.ts";

/** A time that has the form of RFC 3339. Leap seconds have that form and are no moment to us. @throws REQUEST_INVALID */
export function momentOf(name: string, text: string): Date {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime()))
    throw new BackupAwarenessError("REQUEST_INVALID", `${name}: ${JSON.stringify(text)} is no moment`);
  return moment;
}
