import type { Pool } from "pg";
import type { Role } from "../contract/api/permissions.ts";
import { callProcedure } from "./procedure-errors.ts";

/** Somebody who may sign in. */
export type User = {
  readonly name: string;
  readonly role: Role;
  readonly isDisabled: boolean;
  /** In PHC form; null: none was set yet. */
  readonly passwordHash: string | null;
  /** Base 32; null: no second factor. */
  readonly totpSecret: string | null;
  /** A secret that has not been confirmed by a code yet. */
  readonly totpOffer: string | null;
  readonly createdAt: Date;
  readonly lastLoginAt: Date | null;
  readonly sessionCount: number;
};

/** Every user by name, or the one of that name. */
export async function readUsers(pool: Pool, name: string | null = null): Promise<readonly User[]> {
  return callProcedure("USER_UNKNOWN", async () => {
    const { rows } = await pool.query<{
      name: string;
      role: Role;
      is_disabled: boolean;
      password_hash: string | null;
      totp_secret: string | null;
      totp_offer: string | null;
      created_at: Date;
      last_login_at: Date | null;
      session_count: number;
    }>(
      `select u.name, u.role, u.is_disabled, u.password_hash, u.totp_secret, u.totp_offer, u.created_at, u.last_login_at,
              (select count(*)::integer from backup_awareness.user_session s where s.user_name = u.name and s.expires_at > now()) as session_count
       from backup_awareness.user_account u where $1::text is null or u.name = $1 order by u.name`,
      [name],
    );
    return rows.map((row) => ({
      name: row.name,
      role: row.role,
      isDisabled: row.is_disabled,
      passwordHash: row.password_hash,
      totpSecret: row.totp_secret,
      totpOffer: row.totp_offer,
      createdAt: row.created_at,
      lastLoginAt: row.last_login_at,
      sessionCount: row.session_count,
    }));
  });
}

/** @throws USER_INVALID, also where the name is taken */
export async function addUser(pool: Pool, name: string, role: Role, actor: string): Promise<void> {
  await callProcedure("USER_INVALID", () =>
    pool.query("select backup_awareness.add_user($1, $2, $3)", [name, role, actor]),
  );
}

/** Changes a user; what is absent stays. @throws USER_UNKNOWN; USER_INVALID where no admin would be left */
export async function changeUser(
  pool: Pool,
  name: string,
  change: { readonly role?: Role; readonly isDisabled?: boolean },
  actor: string,
): Promise<void> {
  await callProcedure("USER_INVALID", () =>
    pool.query("select backup_awareness.change_user($1, $2, $3, $4)", [
      name,
      change.role ?? null,
      change.isDisabled ?? null,
      actor,
    ]),
  );
}

/** Sets a password by its hash; all sessions end but the one of that hash. @throws USER_UNKNOWN */
export async function setPassword(
  pool: Pool,
  name: string,
  passwordHash: string,
  keptSession: Buffer | null,
  actor: string,
): Promise<void> {
  await callProcedure("USER_INVALID", () =>
    pool.query("select backup_awareness.set_password($1, $2, $3, $4)", [name, passwordHash, keptSession, actor]),
  );
}

/** A one-time link that sets the user's password; those made before are void. @throws USER_UNKNOWN, USER_INVALID */
export async function makePasswordLink(
  pool: Pool,
  name: string,
  linkHash: Buffer,
  expiresAt: Date,
  actor: string,
): Promise<void> {
  await callProcedure("USER_INVALID", () =>
    pool.query("select backup_awareness.make_password_link($1, $2, $3, $4)", [name, linkHash, expiresAt, actor]),
  );
}

/** Whether a link of that hash can be used. */
export async function isPasswordLink(pool: Pool, linkHash: Buffer): Promise<boolean> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ found: boolean }>(
      "select exists (select from backup_awareness.password_link where token_hash = $1 and expires_at > now()) as found",
      [linkHash],
    );
    return rows[0]?.found ?? false;
  });
}

/** Uses a link up. Returns whose it is; null: it is void. */
export async function usePasswordLink(pool: Pool, linkHash: Buffer): Promise<string | null> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ name: string | null }>(
      "select backup_awareness.use_password_link($1) as name",
      [linkHash],
    );
    return rows[0]?.name ?? null;
  });
}

/** Offers a second factor, to be confirmed by a code. */
export async function offerSecondFactor(pool: Pool, name: string, secret: string): Promise<void> {
  await callProcedure("USER_INVALID", () =>
    pool.query("select backup_awareness.offer_second_factor($1, $2)", [name, secret]),
  );
}

/** Returns whether there was an offer. */
export async function confirmSecondFactor(
  pool: Pool,
  name: string,
  step: number,
  codeHashes: readonly Buffer[],
  actor: string,
): Promise<boolean> {
  return callProcedure("USER_INVALID", async () => {
    const { rows } = await pool.query<{ done: boolean }>(
      "select backup_awareness.confirm_second_factor($1, $2, $3, $4) as done",
      [name, step, codeHashes, actor],
    );
    return rows[0]?.done ?? false;
  });
}

export async function removeSecondFactor(pool: Pool, name: string, actor: string): Promise<void> {
  await callProcedure("USER_INVALID", () =>
    pool.query("select backup_awareness.remove_second_factor($1, $2)", [name, actor]),
  );
}

/** Takes a code of that step, once. */
export async function takeTotpStep(pool: Pool, name: string, step: number): Promise<boolean> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ taken: boolean }>("select backup_awareness.take_totp_step($1, $2) as taken", [
      name,
      step,
    ]);
    return rows[0]?.taken ?? false;
  });
}

/** Takes a recovery code, once. */
export async function takeRecoveryCode(pool: Pool, name: string, codeHash: Buffer, actor: string): Promise<boolean> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ taken: boolean }>(
      "select backup_awareness.take_recovery_code($1, $2, $3) as taken",
      [name, codeHash, actor],
    );
    return rows[0]?.taken ?? false;
  });
}
