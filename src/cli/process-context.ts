import { readFileSync } from "node:fs";
import { homedir, hostname, userInfo } from "node:os";
import { join } from "node:path";
import type { WriteStream } from "node:tty";
import { styleText } from "node:util";
import type { Environment } from "../settings/environment.ts";
import { hostFqdn } from "../settings/host-fqdn.ts";
import { loadSettings } from "../settings/load-settings.ts";
import type { Settings } from "../settings/settings.ts";
import { tellActor } from "./actor.ts";
import { type CommandContext, Interrupted, type Output } from "./command-context.ts";

/** The folder of package.json, seen from src/cli and from dist/cli. */
const packageDirectory = join(import.meta.dirname, "..", "..");

/** How long a command may take to end in order after a signal, before the process ends anyhow. */
const endInOrderMs = 5_000;

export type ProcessContext = {
  readonly context: CommandContext;
  /** What a command has set; null: nothing. */
  readonly exitCode: () => number | null;
};

/** The context of this process. It takes over SIGINT, SIGTERM, SIGHUP and the errors of stdout and stderr: call it once. */
export function createProcessContext(programName: string): ProcessContext {
  const interruption = new AbortController();
  let exitCode: number | null = null;
  let handlesInterrupts = false;

  const interrupt = (reason: Interrupted): void => {
    if (handlesInterrupts) {
      if (reason.signalName !== null) interruption.abort(reason);
      return;
    }
    // The second Ctrl-C is from somebody who does not want to wait.
    if (interruption.signal.aborted && reason.signalName !== null) process.exit(reason.exitCode);
    interruption.abort(reason);
    setTimeout(() => {
      if (!handlesInterrupts) process.exit(reason.exitCode);
    }, endInOrderMs).unref();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      interrupt(new Interrupted(name));
    });
  }

  const environment = processEnvironment();
  let settings: Promise<Settings> | null = null;
  const context: CommandContext = {
    programName,
    programVersion: readProgramVersion(),
    sqlDirectory: join(packageDirectory, "sql"),
    environment,
    stdout: processOutput(process.stdout, () => {
      interrupt(new Interrupted(null));
    }),
    stderr: processOutput(process.stderr, () => undefined),
    actor: tellActor({
      userName: userName(),
      userId: environment.userId,
      sudoUser: process.env["SUDO_USER"],
      hostName: hostname(),
      programName,
    }),
    signal: interruption.signal,
    loadSettings: () => (settings ??= loadSettings(environment)),
    now: () => new Date(),
    setExitCode: (code) => {
      exitCode = code;
    },
    handleInterrupts: () => {
      handlesInterrupts = true;
    },
  };
  return { context, exitCode: () => exitCode };
}

function processEnvironment(): Environment {
  return { env: process.env, userId: process.geteuid?.() ?? null, homeDirectory: homedir(), hostFqdn };
}

function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null; // a container's user that /etc/passwd does not know
  }
}

function readProgramVersion(): string {
  const found: unknown = JSON.parse(readFileSync(join(packageDirectory, "package.json"), "utf8"));
  if (typeof found === "object" && found !== null && "version" in found && typeof found.version === "string")
    return found.version;
  throw new Error("package.json has no version");
}

function processOutput(stream: WriteStream, onReaderGone: () => void): Output {
  let gone = false;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (gone) return;
    gone = true;
    if (error.code === "EPIPE") onReaderGone();
    else if (stream === process.stdout) {
      // A full disk behind it: data is lost, which must not look like success.
      process.exitCode = 1;
      process.stderr.write(`error: cannot write the output: ${error.message}\n`);
    }
  });
  return {
    isTerminal: stream.isTTY,
    columns: stream.isTTY ? stream.columns : null,
    write: (text) => {
      if (!gone) stream.write(text);
    },
    paint: (style, text) => styleText(style, text, { stream }),
  };
}
