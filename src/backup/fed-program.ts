import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { BackupAwarenessError } from "../contract/errors.ts";
import { longestErrorLine, type ProgramEnd, errorTailLines } from "./run-program.ts";
import { systemErrorText } from "./system-error.ts";

const killAfterMs = 5_000;

export type FedProgramCall = {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Its abortion ends the program; `end` throws the reason. */
  readonly signal: AbortSignal;
  /** Whether somebody reads what it writes; else that is thrown away. */
  readonly keepsOutput: boolean;
};

/** A program that we write to, and perhaps read from, at the same time. Whoever makes one stops it. */
export class FedProgram {
  readonly #child: ChildProcess;
  readonly #ended: Promise<ProgramEnd>;
  readonly #signal: AbortSignal;
  #failure: { readonly reason: unknown } | null = null;
  #takesInput = true;
  #killTimer: NodeJS.Timeout | null = null;

  constructor(call: FedProgramCall) {
    this.#signal = call.signal;
    this.#child = spawn(call.program, call.arguments, {
      cwd: "/",
      env: { ...call.env, LC_ALL: "C" },
      stdio: ["pipe", call.keepsOutput ? "pipe" : "ignore", "pipe"],
    });
    const tail: string[] = [];
    if (this.#child.stderr !== null) {
      createInterface({ input: this.#child.stderr, crlfDelay: Infinity }).on("line", (line) => {
        tail.push(line.slice(0, longestErrorLine));
        if (tail.length > errorTailLines) tail.shift();
      });
    }
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once("error", (error) => {
        this.#takesInput = false;
        const missing = "code" in error && error.code === "ENOENT";
        reject(
          new BackupAwarenessError("ARCHIVE_UNREADABLE", `cannot run "${call.program}": ${systemErrorText(error)}`, {
            ...(missing ? { hint: `install ${call.program}, or look at PATH` } : {}),
            cause: error,
          }),
        );
      });
      this.#child.once("close", (exitCode, signalName) => {
        this.#takesInput = false;
        this.#clear();
        resolve({ exitCode, signalName, tail });
      });
    });
    this.#ended.catch(() => undefined);
    // A program that has read enough closes its end; its exit code says whether that was right.
    this.#child.stdin?.on("error", () => {
      this.#takesInput = false;
    });
    this.#signal.addEventListener("abort", this.#onAbort, { once: true });
    if (this.#signal.aborted) this.#onAbort();
  }

  /** Writes and waits until it has been taken, so that `data` may change then. False: the program reads no more. */
  write(data: Buffer): Promise<boolean> {
    const { stdin } = this.#child;
    if (!this.#takesInput || stdin === null) return Promise.resolve(false);
    return new Promise((resolve) => {
      stdin.write(data, (error) => {
        resolve(error == null);
      });
    });
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  /** What it writes, once. Throws what `fail` was told. */
  async *output(): AsyncGenerator<Buffer> {
    const { stdout } = this.#child;
    if (stdout === null) return;
    try {
      for await (const data of stdout as AsyncIterable<Buffer>) yield data;
    } catch (error) {
      if (this.#failure === null) throw error;
    }
    if (this.#failure !== null) throw this.#failure.reason;
  }

  /** How it ended. Throws what `fail` was told, the signal's reason, and ARCHIVE_UNREADABLE where it could not be started. */
  async end(): Promise<ProgramEnd> {
    const end = await this.#ended;
    if (this.#failure !== null) throw this.#failure.reason;
    return end;
  }

  /** Ends the program, since its input could not be had. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.stop();
  }

  /** Calling twice is safe, also when it has ended. */
  stop(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.kill("SIGTERM");
    this.#killTimer ??= setTimeout(() => this.#child.kill("SIGKILL"), killAfterMs);
  }

  readonly #onAbort = (): void => {
    this.fail(this.#signal.reason);
  };

  #clear(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
    if (this.#killTimer !== null) clearTimeout(this.#killTimer);
  }
}
