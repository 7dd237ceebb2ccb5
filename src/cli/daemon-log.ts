import { type Logger, pino } from "pino";
import type { Output } from "./command-context.ts";

/** Levels as pino numbers them. */
const levelNames: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" };

/**
 * The daemon's log, on stderr: one JSON object a line for journald, Loki and the like; a short readable line for a person who
 * looks on.
 */
export function createDaemonLog(stderr: Output, level: "debug" | "info"): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const write = (line: string): void => {
    stderr.write(stderr.isTerminal ? readableLine(line, stderr) : line);
  };
  return pino(stderr.isTerminal ? options : { ...options, formatters: { level: (label) => ({ level: label }) } }, {
    write,
  });
}

/** "10:00:00 warn  database is away: nothing listens there". */
function readableLine(line: string, stderr: Output): string {
  const { level, time, msg, err } = JSON.parse(line) as {
    level: number;
    time: string;
    msg?: string;
    err?: { message?: string };
  };
  const name = (levelNames[level] ?? String(level)).padEnd(5);
  const painted =
    level >= 50 ? stderr.paint("red", name) : level >= 40 ? stderr.paint("yellow", name) : stderr.paint("dim", name);
  const cause = err?.message === undefined ? "" : `: ${err.message}`;
  return `${stderr.paint("dim", new Date(time).toTimeString().slice(0, 8))} ${painted} ${msg ?? ""}${cause}\n`;
}
