import { parentPort, workerData } from "node:worker_threads";
import { BackupAwarenessError } from "../contract/errors.ts";
import { openForReadBack } from "./direct-read.ts";
import { readBack } from "./read-back.ts";
import type { ReadBackMessage } from "./read-back-file.ts";

/** The thread of readBackFile: reads the archive at the path that it was given, tells how far it is, and what it found. */
if (parentPort !== null) await work(parentPort, workerData as { readonly path: string });

async function work(port: NonNullable<typeof parentPort>, { path }: { readonly path: string }): Promise<void> {
  const tell = (message: ReadBackMessage) => {
    port.postMessage(message);
  };
  // Told after the file is closed: this thread is ended by what it tells, and the file system may be unmounted then.
  tell(await read(path, tell));
}

async function read(path: string, tell: (message: ReadBackMessage) => void): Promise<ReadBackMessage> {
  const reading = await openForReadBack(path);
  try {
    const members = await readBack(reading.chunks, (bytes) => {
      tell({ kind: "bytes", bytes });
    });
    return { kind: "read", members, way: reading.way };
  } catch (error) {
    if (!(error instanceof BackupAwarenessError)) throw error;
    return { kind: "damaged", message: error.message, hint: error.hint };
  } finally {
    await reading.close();
  }
}
