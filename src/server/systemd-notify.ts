import { execFile } from "node:child_process";
import type { Logger } from "pino";

/** systemd's side of the daemon's life. Every method returns at once and never throws. */
export type SystemdNotifier = {
  ready(status: string): void;
  status(text: string): void;
  stopping(): void;
  /** Begins to tell the watchdog, in half its time, that all is well, as long as `isHealthy` says so. */
  watch(isHealthy: () => boolean): void;
  close(): void;
};

/** How long the message may take on its way. */
const notifyTimeoutMs = 5_000;

export type SystemdNotifyOptions = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The daemon's own process number. */
  readonly pid: number;
  readonly logger: Logger;
};

/**
 * Tells systemd how the daemon is, where systemd started it (NOTIFY_SOCKET). Node has no Unix datagram sockets, so that
 * the messages go through the command systemd-notify: the unit needs NotifyAccess=all.
 */
export function systemdNotifier({ env, pid, logger }: SystemdNotifyOptions): SystemdNotifier {
  const socket = env["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return silentNotifier;
  let failed = false;
  const send = (...words: readonly string[]): void => {
    const child = execFile(
      "systemd-notify",
      words,
      { env: { PATH: env["PATH"], NOTIFY_SOCKET: socket }, timeout: notifyTimeoutMs },
      (error) => {
        if (error === null || failed) return;
        failed = true;
        logger.warn({ reason: error.message }, "systemd could not be told how the daemon is: systemd-notify failed");
      },
    );
    child.unref();
  };
  let watchdog: NodeJS.Timeout | null = null;
  return {
    ready: (status) => {
      send("--ready", `--status=${status}`);
    },
    status: (text) => {
      send(`--status=${text}`);
    },
    stopping: () => {
      send("STOPPING=1");
    },
    watch: (isHealthy) => {
      const periodMs = watchdogPeriodMs(env, pid);
      if (periodMs === null || watchdog !== null) return;
      watchdog = setInterval(() => {
        if (isHealthy()) send("WATCHDOG=1");
      }, periodMs);
      watchdog.unref();
    },
    close: () => {
      if (watchdog !== null) clearInterval(watchdog);
    },
  };
}

const silentNotifier: SystemdNotifier = {
  ready: () => undefined,
  status: () => undefined,
  stopping: () => undefined,
  watch: () => undefined,
  close: () => undefined,
};

/** Half of WATCHDOG_USEC; null: nobody watches, or watches another process. */
export function watchdogPeriodMs(env: Readonly<Record<string, string | undefined>>, pid: number): number | null {
  const watchedPid = env["WATCHDOG_PID"];
  if (watchedPid !== undefined && watchedPid !== "" && watchedPid !== String(pid)) return null;
  const microseconds = Number(env["WATCHDOG_USEC"]);
  return Number.isFinite(microseconds) && microseconds > 0 ? Math.max(1, microseconds / 2_000) : null;
}
