import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Command } from "commander";
import type { CommandContext, Output } from "../../src/cli/command-context.ts";
import { tellError } from "../../src/cli/run-program.ts";
import { loadSettings } from "../../src/settings/load-settings.ts";
import { sqlDirectory } from "./migrated-database.ts";

const root = join(import.meta.dirname, "../..");

/** What became of a command. */
export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Variables of a command; those of this process that settings come from are never inherited. */
export type Variables = Readonly<Record<string, string>>;

/** A command as a process of its own, with the launcher's file: to be waited for, or to be sent signals. */
export function startCommand(name: string, parameters: readonly string[], variables: Variables) {
  const child = spawn(process.execPath, [join(root, "src/cli", `${name}.ts`), ...parameters], {
    env: { ...inherited(), ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const closed = once(child, "close") as Promise<[number | null, string | null]>;
  return {
    child,
    /** What it has written until now. */
    written: () => ({ stdout, stderr }),
    outcome: async (): Promise<Outcome> => {
      const [code] = await closed;
      return { code: code ?? -1, stdout, stderr };
    },
  };
}

/** A command as a process of its own, to its end. */
export async function runCommand(name: string, parameters: readonly string[], variables: Variables): Promise<Outcome> {
  return startCommand(name, parameters, variables).outcome();
}

function inherited(): Record<string, string> {
  const kept = ["PATH", "HOME", "TMPDIR", "LANG", "BACKUP_AWARENESS_TEST_RUN"];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

export type CallOptions = {
  readonly variables: Variables;
  readonly now?: Date;
  readonly actor?: string;
};

/** The same without the process: all of the command's own code, on the real database. Many of them take little time. */
export async function callCommand(
  build: (context: CommandContext) => Command,
  parameters: readonly string[],
  { variables, now, actor = "ann@host via test" }: CallOptions,
): Promise<Outcome> {
  const written = { stdout: "", stderr: "" };
  const output = (name: "stdout" | "stderr"): Output => ({
    isTerminal: false,
    columns: null,
    write: (text) => void (written[name] += text),
    paint: (_, text) => text,
  });
  let exitCode = 0;
  const environment = {
    env: variables,
    userId: process.geteuid?.() ?? null,
    homeDirectory: "/nonexistent",
    hostFqdn: () => Promise.resolve("host.example.com"),
  };
  const context: CommandContext = {
    programName: "backup-awareness",
    programVersion: "0.1.0",
    sqlDirectory,
    environment,
    stdout: output("stdout"),
    stderr: output("stderr"),
    actor,
    signal: new AbortController().signal,
    loadSettings: () => loadSettings(environment, "/nonexistent/config.toml"),
    now: () => now ?? new Date(),
    setExitCode: (code) => {
      exitCode = code;
    },
    handleInterrupts: () => undefined,
  };
  try {
    await build(context).parseAsync(parameters, { from: "user" });
  } catch (error) {
    exitCode = tellError(context, error);
  }
  return { code: exitCode, ...written };
}
