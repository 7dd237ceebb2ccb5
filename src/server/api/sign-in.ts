import { createHash, randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import type { Pool } from "pg";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { noteLoginFailure, readLoginWait } from "../../database/sessions.ts";
import { readUsers, takeRecoveryCode, takeTotpStep, type User } from "../../database/users.ts";
import { isPassword, isPasswordWorkFull } from "../password-hash.ts";
import { stepOfCode } from "../totp.ts";

export type Credentials = { readonly name: string; readonly password: string; readonly secondFactor: string | null };
/** Who tries, and how the events call him. */
export type Attempt = { readonly address: string; readonly actor: string; readonly now: Date };

/**
 * The user whose credentials these are. A failure is counted against the name and the address, whether there is such a user or not, and
 * takes as long.
 *
 * @throws SIGN_IN_FAILED, SECOND_FACTOR_REQUIRED, TOO_MANY_REQUESTS
 */
export async function checkCredentials(pool: Pool, given: Credentials, attempt: Attempt): Promise<User> {
  const { name, password, secondFactor } = given;
  const place = throttledPlace(attempt.address);
  const waitSeconds = isPasswordWorkFull() ? 5 : await readLoginWait(pool, name, place);
  if (waitSeconds > 0)
    throw new BackupAwarenessError(
      "TOO_MANY_REQUESTS",
      `too many sign-ins have failed; try again in ${waitSeconds} s`,
      {
        retryAfterSeconds: waitSeconds,
      },
    );
  const [user] = await readUsers(pool, name);
  const usable = user !== undefined && !user.isDisabled;
  const isRight = await isPassword(password, usable ? user.passwordHash : null);
  if (usable && isRight) {
    if (user.totpSecret === null) return user;
    if (secondFactor === null)
      throw new BackupAwarenessError("SECOND_FACTOR_REQUIRED", "the second factor must be given, too", {
        hint: "six digits of the authenticator, or a recovery code",
      });
    if (await takeSecondFactor(pool, user, secondFactor, attempt)) return user;
  }
  await noteLoginFailure(pool, name, place);
  throw new BackupAwarenessError("SIGN_IN_FAILED", "the name, the password or the second factor is wrong");
}

async function takeSecondFactor(pool: Pool, user: User, given: string, { actor, now }: Attempt): Promise<boolean> {
  if (/^\d{6}$/.test(given)) {
    const step = stepOfCode(user.totpSecret ?? "", given, now);
    return step !== null && (await takeTotpStep(pool, user.name, step));
  }
  return takeRecoveryCode(pool, user.name, hashOfRecoveryCode(given), actor);
}

/** Ten codes of 80 bits, in groups that can be typed. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: 10 }, () =>
    randomBytes(10)
      .toString("hex")
      .replace(/(.{5})(?!$)/g, "$1-"),
  );
}

export function hashOfRecoveryCode(code: string): Buffer {
  return createHash("sha256").update(code.toLowerCase().replace(/[\s-]/g, "")).digest();
}

/** Whoever has one address of an IPv6 network has 2^64. */
export function throttledPlace(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = address.split("::", 2);
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups =
    tail === undefined ? first : [...first, ...Array<string>(8 - first.length - last.length).fill("0"), ...last];
  return `${groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
