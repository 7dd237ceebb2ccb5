import { once } from "node:events";
import { startCommand, type Variables } from "./run-command.ts";
import { waitUntil } from "./wait-until.ts";

export type HealthAnswer = { readonly code: number; readonly status: string; readonly reasons: readonly string[] };

/** A daemon as a process of its own. */
export type TestDaemon = {
  readonly pid: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** The messages of its log, until now. */
  log(): readonly string[];
  /** Waits for a message. */
  logged(pattern: RegExp): Promise<string>;
  health(): Promise<HealthAnswer>;
  healthy(): Promise<HealthAnswer>;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly tookMs: number }>;
};

/** Starts a daemon on a free port and waits until it listens. */
export async function startDaemon(variables: Variables): Promise<TestDaemon> {
  const { child, written } = startCommand("backup-awareness", ["start"], {
    BACKUP_AWARENESS_LISTEN: "127.0.0.1:0",
    ...variables,
  });
  const exited = once(child, "exit") as Promise<[number | null, string | null]>;
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  const lines = (): { msg: string; url?: string }[] =>
    written()
      .stderr.split("\n")
      .filter((line) => line.startsWith("{"))
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as { msg: string; url?: string }];
        } catch {
          return []; // not written to its end yet
        }
      });
  const demandLife = (): void => {
    if (ended) throw new Error(`the daemon has ended: ${written().stderr}`);
  };
  const url = await waitUntil("the daemon listens", () => {
    demandLife();
    return lines().find((line) => line.msg.startsWith("listening"))?.url ?? null;
  });
  const health = async (): Promise<HealthAnswer> => {
    const response = await fetch(`${url}/health`);
    return { code: response.status, ...((await response.json()) as { status: string; reasons: string[] }) };
  };
  return {
    pid: child.pid ?? 0,
    url,
    log: () => lines().map(({ msg }) => msg),
    logged: (pattern) =>
      waitUntil(`the daemon says ${pattern}`, () => {
        const found = lines().find(({ msg }) => pattern.test(msg));
        if (found === undefined) demandLife();
        return found?.msg ?? null;
      }),
    health,
    healthy: () =>
      waitUntil("the daemon is healthy", async () => {
        demandLife();
        const answer = await health();
        return answer.code === 200 ? answer : null;
      }),
    end: async (signal) => {
      const begunAt = performance.now();
      child.kill(signal);
      const [code] = await exited;
      return { code, tookMs: performance.now() - begunAt };
    },
  };
}
