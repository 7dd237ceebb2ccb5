import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { writeDurably } from "./passwords.ts";
import { embeddedHost, type EmbeddedPlaces } from "./places.ts";

/** Below the ranges from which Linux (32768) and macOS (49152) take the ports of outgoing connections, so that nobody takes ours by chance. */
const firstPort = 20_000;
const lastPort = 32_000;
const attempts = 100;

/** The port that the server used last, or null. */
export async function readPort(places: EmbeddedPlaces): Promise<number | null> {
  const text = await readFile(places.port, "utf8").catch(() => "");
  return /^\d{1,5}\n?$/.test(text) ? Number(text) : null;
}

/** The port to listen on: the one kept, or, where there is none or somebody else has it, another that is free, which is kept from now on. */
export async function keepFreePort(places: EmbeddedPlaces): Promise<number> {
  const kept = await readPort(places);
  if (kept !== null && (await isFree(kept))) return kept;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(firstPort, lastPort);
    if (await isFree(port)) {
      await writeDurably(places.port, `${port}\n`);
      return port;
    }
  }
  throw new BackupAwarenessError(
    "POSTGRES_FAILED",
    `no free port between ${firstPort} and ${lastPort} on ${embeddedHost} for the embedded database`,
  );
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = Promise.withResolvers<boolean>();
  server.once("error", () => {
    listening.resolve(false);
  });
  server.listen({ host: embeddedHost, port, exclusive: true }, () => {
    listening.resolve(true);
  });
  const free = await listening.promise;
  if (!free) return false;
  const closed = Promise.withResolvers<boolean>();
  server.close(() => {
    closed.resolve(true);
  });
  return closed.promise;
}
