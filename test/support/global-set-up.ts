import { startTestServers } from "./start-servers.ts";

/* Given to `node --test --test-global-setup`: one set of servers for all test files. */

let stop: (() => Promise<void>) | null = null;

export async function globalSetup(): Promise<void> {
  const started = await startTestServers();
  stop = () => started.stop();
  process.env["TEST_POSTGRES_SERVERS"] = JSON.stringify(started.servers);
}

export async function globalTeardown(): Promise<void> {
  await stop?.();
}
