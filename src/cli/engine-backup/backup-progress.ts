import type { BackupProgress, ScopeOutcome } from "../../backup/backup-run.ts";
import { humanDuration, humanSize } from "../../contract/human-size.ts";
import type { Output } from "../command-context.ts";

const redrawEveryMs = 200;
const clearLine = "\r\u001b[K";

/** Tells how a backup goes: on a terminal one line that is drawn anew, elsewhere one line for each scope that has ended. */
export function createProgressLine(stderr: Output): {
  readonly show: (progress: BackupProgress) => void;
  readonly end: () => void;
} {
  let drawnAtMs = 0;
  let isDrawn = false;
  let begunAtMs = 0;

  const clear = () => {
    if (isDrawn) stderr.write(clearLine);
    isDrawn = false;
  };
  const draw = (text: string) => {
    const nowMs = performance.now();
    if (!stderr.isTerminal || nowMs - drawnAtMs < redrawEveryMs) return;
    drawnAtMs = nowMs;
    isDrawn = true;
    stderr.write(`${clearLine}${text.slice(0, (stderr.columns ?? 80) - 1)}`);
  };
  return {
    show: (progress) => {
      switch (progress.step) {
        case "begun":
          begunAtMs = performance.now();
          drawnAtMs = 0;
          draw(`${progress.scope}: begins`);
          break;
        case "packed":
          draw(
            `${progress.scope}: ${humanSize(progress.bytes)}, ${rate(progress.bytes, performance.now() - begunAtMs)}`,
          );
          break;
        case "read back":
          draw(`reading back: ${Math.floor((100 * progress.bytes) / Math.max(progress.ofBytes, 1))} %`);
          break;
        case "ended":
          clear();
          stderr.write(`${endOf(progress.outcome)}\n`);
          break;
      }
    },
    end: clear,
  };
}

function endOf(outcome: ScopeOutcome): string {
  if (outcome.status === "failed") return `${outcome.scope}: failed`;
  return `${outcome.scope}: packed ${humanSize(outcome.sizeBytes)} in ${humanDuration(outcome.durationMs)} (${rate(outcome.sizeBytes, outcome.durationMs)})`;
}

function rate(bytes: number, durationMs: number): string {
  return `${humanSize((bytes * 1000) / Math.max(durationMs, 1))}/s`;
}
