import { humanSize } from "../../contract/human-size.ts";
import type { Output } from "../command-context.ts";

const redrawEveryMs = 200;
const clearLine = "\r\u001b[K";

/** `verifying: 42 %, 210 MiB/s` in one line of a terminal, drawn anew; nothing where nobody looks on. */
export function createPercentLine(
  stderr: Output,
  work: string,
): {
  readonly show: (progress: { readonly bytes: number; readonly ofBytes: number }) => void;
  readonly end: () => void;
} {
  const begunAtMs = performance.now();
  let drawnAtMs: number | null = null;
  return {
    show: ({ bytes, ofBytes }) => {
      const nowMs = performance.now();
      if (!stderr.isTerminal || nowMs - (drawnAtMs ?? 0) < redrawEveryMs) return;
      drawnAtMs = nowMs;
      const rate = humanSize((bytes * 1000) / Math.max(nowMs - begunAtMs, 1));
      const text = `${work}: ${Math.floor((100 * bytes) / Math.max(ofBytes, 1))} %, ${rate}/s`;
      stderr.write(`${clearLine}${text.slice(0, (stderr.columns ?? 80) - 1)}`);
    },
    end: () => {
      if (drawnAtMs !== null) stderr.write(clearLine);
      drawnAtMs = null;
    },
  };
}
