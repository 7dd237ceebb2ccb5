import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bufferBytes = 256 * 1024;

export type ProgramOutput = {
  /** For the program's standard output; destroy it when the program has been started. */
  readonly programEnd: Socket;
  /** Hands on what comes, one piece at a time, to its end. A piece lies in memory that is used again. Throws what the taker throws. */
  read(onData: (data: Buffer) => Promise<void>): Promise<void>;
  /** Ends the reading, whoever still holds the other end. */
  close(): void;
};

/**
 * A pair of connected sockets. What Node gives a child by itself is one too, but takes new memory for every 64 KiB: collecting that cost as much as a
 * tenth of a backup. Node takes the reader's own memory only where it connects, hence the socket with a name, which lives for a moment.
 */
export async function openProgramOutput(): Promise<ProgramOutput> {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  let take: (data: Buffer) => boolean = () => false;
  const directory = await mkdtemp(join(tmpdir(), "engine-backup-"));
  const server = createServer();
  let reader: Socket;
  let programEnd: Socket;
  try {
    const path = join(directory, "socket");
    server.listen(path);
    await once(server, "listening");
    const connected = once(server, "connection") as Promise<[Socket]>;
    reader = connect({
      path,
      onread: { buffer, callback: (bytes) => take(buffer.subarray(0, bytes)) },
    });
    reader.pause();
    [[programEnd]] = await Promise.all([connected, once(reader, "connect")]);
  } finally {
    server.close();
    await rm(directory, { recursive: true, force: true });
  }
  return {
    programEnd,
    close: () => reader.destroy(),
    read: (onData) =>
      new Promise<void>((resolve, reject) => {
        reader.once("error", reject);
        reader.once("close", () => {
          resolve();
        });
        take = (data) => {
          onData(data).then(() => reader.resume(), reject);
          return false;
        };
        reader.resume();
      }),
  };
}
