import { setTimeout as delay } from "node:timers/promises";

const pollMs = 20;

/** Waits until `probe` returns something other than null or false, and returns that. Fails after `timeoutMs`, saying what never came. */
export async function waitUntil<Result>(
  what: string,
  probe: () => Promise<Result | null | false> | Result | null | false,
  timeoutMs = 20_000,
): Promise<Result> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== null && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await delay(pollMs);
  }
}
