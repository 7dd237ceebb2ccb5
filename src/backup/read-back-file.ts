import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { ReadBackWay } from "./direct-read.ts";
import type { ReadMember } from "./read-back.ts";

export type ReadBackMessage =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "read"; readonly members: ReadMember[]; readonly way: ReadBackWay }
  | { readonly kind: "damaged"; readonly message: string; readonly hint: string | null };

export type FileReadBack = { readonly members: readonly ReadMember[]; readonly way: ReadBackWay };

/**
 * readBack of a file, in a thread of its own: decompressing takes new memory for all of the content, and a thread without the rest of the program
 * collects that in a moment. Throws as readBack does, and the signal's reason.
 */
export async function readBackFile(
  path: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<FileReadBack> {
  signal.throwIfAborted();
  // The same name beside this file, in a checkout and when compiled.
  const program = new URL(`./read-back-worker${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(program, { workerData: { path }, env: {}, stdin: false });
  let onAbort: () => void = () => undefined;
  try {
    return await new Promise<FileReadBack>((resolve, reject) => {
      onAbort = () => {
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      worker.once("error", reject);
      worker.once("exit", (code) => {
        reject(new Error(`the thread that reads the archive back ended with ${code}`));
      });
      worker.on("message", (message: ReadBackMessage) => {
        switch (message.kind) {
          case "bytes":
            onBytes(message.bytes);
            return;
          case "read":
            resolve(message);
            return;
          case "damaged":
            reject(
              new BackupAwarenessError(
                "BACKUP_FAILED",
                message.message,
                message.hint === null ? {} : { hint: message.hint },
              ),
            );
            return;
        }
      });
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}
