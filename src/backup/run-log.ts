import { closeSync, openSync, writeSync } from "node:fs";
import { BackupAwarenessError } from "../contract/errors.ts";
import { systemErrorText } from "./system-error.ts";

/** What a run says as it goes. Nobody hands it a secret. */
export type RunLog = {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
};

export type LogFile = RunLog & { close(): void };

/**
 * A log file, one line for each message, mode 0600. A file that cannot be written on (a full disk) is told once to `onFailure` and never fails the backup.
 * Throws BACKUP_FAILED where it cannot be opened.
 */
export function openLogFile(path: string, clock: () => Date, onFailure: (reason: string) => void): LogFile {
  let descriptor: number | null;
  try {
    descriptor = openSync(path, "a", 0o600);
  } catch (error) {
    throw new BackupAwarenessError("BACKUP_FAILED", `cannot write the log "${path}": ${systemErrorText(error)}`, {
      hint: "name another place with --log=FILE",
      cause: error,
    });
  }
  const write = (level: string, message: string) => {
    if (descriptor === null) return;
    try {
      // A message of several lines stays one of several lines, each with its own time.
      const stamp = `${clock().toISOString()} ${level} `;
      writeSync(
        descriptor,
        message
          .split("\n")
          .map((line) => `${stamp}${line}\n`)
          .join(""),
      );
    } catch (error) {
      descriptor = null;
      onFailure(systemErrorText(error));
    }
  };
  return {
    info: (message) => {
      write("info", message);
    },
    warn: (message) => {
      write("warning", message);
    },
    error: (message) => {
      write("error", message);
    },
    close: () => {
      if (descriptor !== null) closeSync(descriptor);
      descriptor = null;
    },
  };
}
