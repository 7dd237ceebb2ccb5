import { BackupAwarenessError } from "../../contract/errors.ts";
import { Interrupted } from "../command-context.ts";

/** Aborted when `signal` is, with a reason that a report can give: `work`, as "the backup", was interrupted. */
export function failureSignal(signal: AbortSignal, work: string): AbortSignal {
  const controller = new AbortController();
  const abort = () => {
    const reason: unknown = signal.reason;
    const name = reason instanceof Interrupted ? reason.signalName : null;
    controller.abort(
      new BackupAwarenessError("BACKUP_FAILED", `${work} was interrupted${name === null ? "" : ` by ${name}`}`),
    );
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return controller.signal;
}
