import { randomBytes } from "node:crypto";
import type { Pool } from "pg";
import { hashOfSecret } from "../database/tokens.ts";
import { addUser, makePasswordLink, readUsers } from "../database/users.ts";

const linkLengthMs = 3_600_000;

export type PasswordLink = {
  /** Of the console: what follows # never leaves the browser but to be used. */
  readonly path: string;
  readonly expiresAt: Date;
};

/** A link by which the user sets a password: once, within an hour. @throws USER_UNKNOWN; USER_INVALID where he is disabled */
export async function newPasswordLink(pool: Pool, name: string, actor: string, now: Date): Promise<PasswordLink> {
  const secret = randomBytes(32).toString("base64url");
  const expiresAt = new Date(now.getTime() + linkLengthMs);
  await makePasswordLink(pool, name, hashOfSecret(secret), expiresAt, actor);
  return { path: `/set-password#${secret}`, expiresAt };
}

const firstAdmin = "admin";

/**
 * Where nobody can sign in yet who may administer: a link for the first admin, who is added where there is no user at all. null: somebody can.
 */
export async function offerFirstLink(pool: Pool, actor: string, now: Date): Promise<PasswordLink | null> {
  const users = await readUsers(pool);
  const admins = users.filter(({ role, isDisabled }) => role === "admin" && !isDisabled);
  if (admins.some(({ passwordHash }) => passwordHash !== null)) return null;
  const first = admins.find(({ name }) => name === firstAdmin) ?? admins[0];
  if (first === undefined) {
    if (users.some(({ name }) => name === firstAdmin)) return null; // somebody has disabled him on purpose
    await addUser(pool, firstAdmin, "admin", actor);
  }
  return newPasswordLink(pool, first?.name ?? firstAdmin, actor, now);
}
