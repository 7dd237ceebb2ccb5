import type { styleText } from "node:util";
import type { Environment } from "../settings/environment.ts";
import type { Settings } from "../settings/settings.ts";

/** A colour or weight, or several, as node:util's styleText names them. */
export type Style = Parameters<typeof styleText>[0];

/** stdout (data) or stderr (talk). */
export type Output = {
  /** True where a person looks on. */
  readonly isTerminal: boolean;
  /** Characters in a line; null: not a terminal. */
  readonly columns: number | null;
  /** Writes the text as it is. Nothing happens once the reader has gone. */
  readonly write: (text: string) => void;
  /** The text in that style; unchanged where no colours are wanted (NO_COLOR, a pipe, a dumb terminal). */
  readonly paint: (style: Style, text: string) => string;
};

/** All that a command may know and do of the process around it. Made in process-context.ts; a test makes its own. */
export type CommandContext = {
  /** The program's name as it was called: `backup-awareness`, `engine-config`, … */
  readonly programName: string;
  readonly programVersion: string;
  /** The folder `sql` of this installation. */
  readonly sqlDirectory: string;
  readonly environment: Environment;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Who calls, for the events: `alice@host via engine-config`. */
  readonly actor: string;
  /** Aborted by SIGINT, SIGTERM and SIGHUP, and when nobody reads stdout any more. Its reason is an Interrupted. */
  readonly signal: AbortSignal;
  /** config.toml and the environment, read once. Throws SETTINGS_INVALID. */
  loadSettings(): Promise<Settings>;
  now(): Date;
  /** What the process will end with, unless the command throws. Without it: 0, or what fits the signal that came. */
  setExitCode(code: number): void;
  /**
   * From now on the command itself deals with `signal`: a second SIGINT, or a stdout that nobody reads, no longer ends the
   * process. It should end by itself, with an exit code of its own.
   */
  handleInterrupts(): void;
};

/** SIGHUP: the terminal or the ssh session has gone. */
export type InterruptSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

/** Why a command was asked to end. */
export class Interrupted extends Error {
  /** null: nobody reads stdout any more. */
  readonly signalName: InterruptSignal | null;

  constructor(signalName: InterruptSignal | null) {
    super(signalName === null ? "nobody reads the output any more" : `ended by ${signalName}`);
    this.name = "Interrupted";
    this.signalName = signalName;
  }

  /** As a shell tells it: 128 and the signal's number. A reader that went away, as `head` does, is no failure. */
  get exitCode(): number {
    switch (this.signalName) {
      case "SIGHUP":
        return 129;
      case "SIGINT":
        return 130;
      case "SIGTERM":
        return 143;
      case null:
        return 0;
    }
  }
}
