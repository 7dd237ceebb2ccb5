import type { Pool } from "pg";
import type { Role } from "../contract/api/permissions.ts";
import { callProcedure } from "./procedure-errors.ts";

/** Somebody who is signed in. */
export type SessionUser = {
  readonly name: string;
  readonly role: Role;
  readonly hasPassword: boolean;
  readonly hasSecondFactor: boolean;
  readonly expiresAt: Date;
};

/** A session ends after resting this long, and at the latest after the second. */
const idle = "24 hours";
export const sessionLengthMs = 7 * 86_400_000;

export async function openSession(
  pool: Pool,
  name: string,
  session: { readonly hash: Buffer; readonly expiresAt: Date; readonly address: string },
  actor: string,
): Promise<void> {
  await callProcedure("USER_INVALID", () =>
    pool.query("select backup_awareness.open_session($1, $2, $3, $4, $5)", [
      name,
      session.hash,
      session.expiresAt,
      session.address,
      actor,
    ]),
  );
}

/** Whose session that is; null: it is none, or is over. */
export async function useSession(pool: Pool, hash: Buffer): Promise<SessionUser | null> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{
      name: string;
      role: Role;
      has_password: boolean;
      has_second_factor: boolean;
      expires_at: Date;
    }>("select * from backup_awareness.use_session($1, $2)", [hash, idle]);
    const row = rows[0];
    if (row === undefined) return null;
    return {
      name: row.name,
      role: row.role,
      hasPassword: row.has_password,
      hasSecondFactor: row.has_second_factor,
      expiresAt: row.expires_at,
    };
  });
}

/** Ends one session of a user, or with null all. @throws USER_UNKNOWN */
export async function closeSessions(pool: Pool, name: string, hash: Buffer | null, actor: string): Promise<void> {
  await callProcedure("USER_INVALID", () =>
    pool.query("select backup_awareness.close_sessions($1, $2, $3)", [name, hash, actor]),
  );
}

/** How many seconds a sign-in has to wait, by its failures before. */
export async function readLoginWait(pool: Pool, name: string, address: string): Promise<number> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ seconds: number }>(
      "select ceil(extract(epoch from backup_awareness.login_wait($1, $2)))::integer as seconds",
      [name, address],
    );
    return rows[0]?.seconds ?? 0;
  });
}

export async function noteLoginFailure(pool: Pool, name: string, address: string): Promise<void> {
  await callProcedure("INTERNAL", () =>
    pool.query("select backup_awareness.note_login_failure($1, $2)", [name, address]),
  );
}
