const firstPauseMs = 5_000;
const longestPauseMs = 15 * 60_000;

/**
 * How long a channel is left alone after a try that failed for now; `failures` are those before it. It grows from five seconds to a quarter
 * of an hour, so that a server that is back is not waited for any longer. What the other side asks for is kept to, up to an hour.
 */
export function retryPauseMs(failures: number, askedMs: number | null): number {
  const grown = Math.min(firstPauseMs * 3 ** Math.min(failures, 10), longestPauseMs);
  return Math.max(grown, Math.min(askedMs ?? 0, 60 * 60_000));
}
