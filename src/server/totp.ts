import { createHmac, randomBytes } from "node:crypto";

/* Codes of RFC 6238 as every authenticator makes them: SHA-1, six digits, thirty seconds. */

const stepMs = 30_000;
const digits = 6;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** 160 bits in base 32. */
export function newTotpSecret(): string {
  return [...randomBytes(32)].map((byte) => alphabet.charAt(byte % 32)).join("");
}

/** The step whose code that is, now or one step before or after, for clocks that differ; null: it is none of them. */
export function stepOfCode(secret: string, code: string, now: Date): number | null {
  const present = Math.floor(now.getTime() / stepMs);
  return [present, present - 1, present + 1].find((step) => codeOfStep(secret, step) === code) ?? null;
}

export function codeOfStep(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", bytesOf(secret)).update(counter).digest();
  const at = (mac.at(-1) ?? 0) & 0xf;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 10 ** digits).padStart(digits, "0");
}

/** For a QR code that authenticators read. */
export function totpUri(secret: string, user: string, host: string): string {
  const issuer = "Backup Awareness";
  const label = encodeURIComponent(`${issuer} (${host}):${user}`);
  return `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`;
}

function bytesOf(secret: string): Buffer {
  const bits = Array.from(secret, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
