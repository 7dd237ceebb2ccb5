import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

const iterations = 4096;

/**
 * The verifier that PostgreSQL keeps for a scram-sha-256 password (RFC 5803's form). Setting a role's password by its verifier keeps the
 * password itself out of the server's log. Only for ASCII passwords: it does no SASLprep.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16), rounds: number = iterations): string {
  const salted = pbkdf2Sync(password, salt, rounds, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${rounds}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** Whether a stored verifier was made from this password. */
export function scramVerifierMatches(verifier: string, password: string): boolean {
  const [, rounds, salt] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier) ?? [];
  if (rounds === undefined || salt === undefined) return false;
  const expected = Buffer.from(scramVerifier(password, Buffer.from(salt, "base64"), Number(rounds)));
  const found = Buffer.from(verifier);
  return expected.length === found.length && timingSafeEqual(expected, found);
}
