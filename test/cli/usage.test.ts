import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Command } from "commander";
import type { CommandContext } from "../../src/cli/command-context.ts";
import { engineConfigProgram } from "../../src/cli/engine-config-program.ts";
import { newProgram } from "../../src/cli/new-program.ts";
import { backupAwarenessProgram } from "../../src/cli/program.ts";
import { callCommand, type Outcome, runCommand } from "../support/run-command.ts";

/* No database is needed for any of this. */

let home: string;
before(async () => {
  home = await mkdtemp(join(tmpdir(), "usage-"));
});
after(async () => {
  await rm(home, { recursive: true, force: true });
});

const unreachable = (): Record<string, string> => ({
  BACKUP_AWARENESS_HOME: home,
  BACKUP_AWARENESS_FQDN: "host.example.com",
  BACKUP_AWARENESS_DATABASE_URL: "postgres://me:s3cr3t@127.0.0.1:1/none",
});

function call(...parameters: string[]): Promise<Outcome> {
  return callCommand(backupAwarenessProgram, parameters, { variables: unreachable() });
}

function commandsBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsBelow)];
}

describe("every command", () => {
  test("has a help with a description and an example", async () => {
    let programs: Command[] = [];
    const remember = (build: (context: CommandContext) => Command) => (context: CommandContext) => {
      const program = build(context);
      programs = [...programs, program];
      return program;
    };
    await callCommand(remember(backupAwarenessProgram), ["--help"], { variables: {} });
    await callCommand(remember(engineConfigProgram), ["--help"], { variables: {} });
    for (const command of programs.flatMap(commandsBelow)) {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) });
      assert.throws(() => {
        command.help();
      });
      assert.ok(command.description().length > 20, command.name());
      assert.match(help, /\nExamples:\n {2}\S/, command.name());
    }
  });
});

describe("exit codes", () => {
  test("0 and stdout for help that was asked for", async () => {
    const { code, stdout, stderr } = await call("events", "--help");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^Usage: backup-awareness events/);
    assert.equal((await call("--version")).stdout, "0.1.0\n");
  });

  test("2 for wrong usage, with what was probably meant", async () => {
    const misspelt = await call("statsu");
    assert.deepEqual([misspelt.code, misspelt.stdout], [2, ""]);
    assert.equal(misspelt.stderr, "error: unknown command 'statsu'\nhint: did you mean status?\n");
    const option = await call("events", "--sevrity", "error");
    assert.equal(option.code, 2);
    assert.match(option.stderr, /hint: did you mean --severity\?/);
    assert.match((await call("events", "--type", "ENGINE_BACKUP_FAILD")).stderr, /Did you mean ENGINE_BACKUP_FAILED\?/);
    for (const parameters of [
      [],
      ["events", "--limit", "0"],
      ["events", "--since", "soon"],
      ["events", "--severity", "bad"],
      ["status", "extra"],
      ["database", "url", "--role", "postgres"],
      ["events", "--follow", "--until", "1h"],
    ]) {
      assert.equal((await call(...parameters)).code, 2, parameters.join(" "));
    }
  });

  test("1 for a failure, told as error and hint, without a stack and without a password", async () => {
    const { code, stdout, stderr } = await call("status");
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^error: cannot reach the database at 127\.0\.0\.1:1: .*\nhint: .*\n$/);
    assert.doesNotMatch(stderr, /s3cr3t/);
  });

  test("1 for settings that cannot be used", async () => {
    const { code, stderr } = await callCommand(backupAwarenessProgram, ["status"], {
      variables: { BACKUP_AWARENESS_HOME: "relative" },
    });
    assert.equal(code, 1);
    assert.match(stderr, /^error: .*BACKUP_AWARENESS_HOME/);
  });
});

describe("an error that nobody foresaw", () => {
  const failing = (context: CommandContext): Command =>
    newProgram(context, "A program that fails.").action(() => {
      throw new Error("it broke\nat the second line");
    });

  test("is one line and a hint", async () => {
    const { code, stderr } = await callCommand(failing, [], { variables: {} });
    assert.equal(code, 1);
    assert.match(stderr, /^error: it broke\nhint: .*BACKUP_AWARENESS_DEBUG=1.*\n$/);
  });

  test("comes with its stack under BACKUP_AWARENESS_DEBUG=1", async () => {
    const { stderr } = await callCommand(failing, [], { variables: { BACKUP_AWARENESS_DEBUG: "1" } });
    assert.match(stderr, /at .*usage\.test\.ts/);
  });
});

describe("as a process", () => {
  test("ends quietly when nobody reads its output any more", async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "../../src/cli/engine-config.ts"), "--list"], {
      env: { ...process.env, ...unreachable() },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    assert.deepEqual([code, stderr], [0, ""]);
  });

  test("fails when its output cannot be written", { skip: !existsSync("/dev/full") }, async () => {
    const full = await open("/dev/full", "w");
    const launcher = join(import.meta.dirname, "../../src/cli/engine-config.ts");
    const child = spawn(process.execPath, [launcher, "--list"], {
      env: { ...process.env, ...unreachable() },
      stdio: ["ignore", full.fd, "pipe"],
    });
    let stderr = "";
    child.stderr!.on("data", (text: Buffer) => (stderr += text.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    await full.close();
    assert.equal(code, 1);
    assert.match(stderr, /^error: cannot write the output: /);
  });

  test("hands on its exit code", async () => {
    assert.equal((await runCommand("backup-awareness", ["statsu"], unreachable())).code, 2);
    assert.equal((await runCommand("backup-awareness", ["status"], unreachable())).code, 1);
  });
});
