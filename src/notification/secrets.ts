import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";

/** Secrets of a channel: a field's name and its value. */
export type Secrets = Readonly<Record<string, string | readonly string[]>>;

const keyFile = "notification.key";
const format = 1;
const [keyIdBytes, nonceBytes, tagBytes] = [4, 12, 16];

/**
 * The key of the channels' secrets, 32 bytes in a file below home, mode 0600: outside the database, so that neither a dump nor a look into
 * its tables shows them. Made where there is none.
 */
export async function readOrMakeKey(home: string): Promise<Buffer> {
  const key = randomBytes(32);
  try {
    await writeFile(join(home, keyFile), `${key.toString("base64")}\n`, { flag: "wx", mode: 0o600 });
    return key;
  } catch (error) {
    if (!isCoded(error, "EEXIST")) throw error;
    return readKey(home);
  }
}

/** The same where it must be there already. @throws SECRETS_UNREADABLE */
export async function readKey(home: string): Promise<Buffer> {
  const file = join(home, keyFile);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw unreadable(`the key of the channels' secrets, ${file}, cannot be read`, error);
  }
  const key = Buffer.from(text.trim(), "base64");
  if (key.length !== 32) throw unreadable(`${file} holds no key of the channels' secrets`);
  return key;
}

/** AES-256-GCM. The channel's name is sealed in, so that one channel's secrets cannot be passed off as another's. */
export function encryptSecrets(key: Buffer, channel: string, secrets: Secrets): Buffer {
  const nonce = randomBytes(nonceBytes);
  const head = Buffer.concat([Buffer.from([format]), keyIdOf(key), nonce]);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(channel));
  const body = Buffer.concat([cipher.update(JSON.stringify(secrets), "utf8"), cipher.final()]);
  return Buffer.concat([head, cipher.getAuthTag(), body]);
}

/** @throws SECRETS_UNREADABLE */
export function decryptSecrets(key: Buffer, channel: string, sealed: Buffer): Secrets {
  const nonceAt = 1 + keyIdBytes;
  const tagAt = nonceAt + nonceBytes;
  const bodyAt = tagAt + tagBytes;
  if (sealed[0] !== format || sealed.length < bodyAt) throw unreadable(`the secrets of channel ${channel} are damaged`);
  if (!sealed.subarray(1, nonceAt).equals(keyIdOf(key)))
    throw unreadable(`the secrets of channel ${channel} were encrypted with another key`);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(nonceAt, tagAt))
      .setAAD(Buffer.from(channel))
      .setAuthTag(sealed.subarray(tagAt, bodyAt));
    const text = Buffer.concat([decipher.update(sealed.subarray(bodyAt)), decipher.final()]).toString("utf8");
    return JSON.parse(text) as Secrets;
  } catch (error) {
    throw unreadable(`the secrets of channel ${channel} are damaged`, error);
  }
}

/** The text without any of these secrets: what others answer may repeat what they were sent. */
export function withoutSecrets(text: string, secrets: Secrets): string {
  const values = Object.values(secrets)
    .flat()
    // A header's name and what stands before a token are no secret by themselves; the parts are.
    .flatMap((value) => [value, ...value.split(/[\s:/?&=]+/)])
    .filter(
      (value) => value.length >= 6 && !/^(https?|bearer|basic|authorization|services|hooks|webhooks?)$/i.test(value),
    )
    .flatMap((value) => [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])
    .toSorted((a, b) => b.length - a.length);
  return values.reduce((cleaned, value) => cleaned.replaceAll(value, "***"), text);
}

function keyIdOf(key: Buffer): Buffer {
  return createHash("sha256").update("backup-awareness key id").update(key).digest().subarray(0, keyIdBytes);
}

function unreadable(message: string, cause?: unknown): BackupAwarenessError {
  return new BackupAwarenessError("SECRETS_UNREADABLE", message, {
    hint: `copy ${keyFile} from the home where the channel was added (every host of one database needs the same), or give the secrets again with \`backup-awareness channel set\``,
    cause,
  });
}

function isCoded(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
