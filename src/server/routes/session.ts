import type { FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import type { Session } from "../../contract/api/user-schemas.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { closeSessions, openSession, type SessionUser, sessionLengthMs, useSession } from "../../database/sessions.ts";
import { hashOfSecret } from "../../database/tokens.ts";
import {
  confirmSecondFactor,
  isPasswordLink,
  offerSecondFactor,
  readUsers,
  removeSecondFactor,
  setPassword,
  usePasswordLink,
  type User,
} from "../../database/users.ts";
import { type Caller, callerOfUser } from "../api/caller.ts";
import type { ApiContext, Handlers } from "../api/handlers.ts";
import { giveSession, takeSession } from "../api/session-cookie.ts";
import { checkCredentials, hashOfRecoveryCode, newRecoveryCodes } from "../api/sign-in.ts";
import { hashPassword } from "../password-hash.ts";
import { newTotpSecret, stepOfCode, totpUri } from "../totp.ts";

export const sessionHandlers = ({ settings, now }: ApiContext) =>
  ({
    "GET /session/methods": async () => ({ password: true, single_sign_on: null }),

    "POST /session": async ({ pool, body, caller, request, reply }) => {
      const { name, password, second_factor: secondFactor = null } = body;
      const attempt = { address: caller.address, actor: `${name}@${caller.address}`, now: now() };
      const user = await checkCredentials(pool, { name, password, secondFactor }, attempt);
      return signIn(pool, user.name, request, reply, now());
    },

    "GET /session": async ({ caller }) => sessionOf(signedIn(caller)),

    "DELETE /session": async ({ pool, caller, request, reply }) => {
      await closeSessions(pool, signedIn(caller).name, caller.sessionHash, caller.actor);
      takeSession(request, reply);
      return undefined;
    },

    "DELETE /session/all": async ({ pool, caller, request, reply }) => {
      await closeSessions(pool, signedIn(caller).name, null, caller.actor);
      takeSession(request, reply);
      return undefined;
    },

    "POST /session/password-link": async ({ pool, body, request, reply }) => {
      const link = hashOfSecret(body.link);
      // Nobody may have passwords hashed who has no link; and what fails before the link is used up leaves it good.
      const hash = (await isPasswordLink(pool, link)) ? await hashPassword(body.password) : null;
      const name = hash === null ? null : await usePasswordLink(pool, link);
      if (name === null || hash === null)
        throw new BackupAwarenessError("SIGN_IN_FAILED", "this link was used, or is older than an hour", {
          hint: "an admin can make a new one, and so can `backup-awareness user password NAME` on the host",
        });
      await setPassword(pool, name, hash, null, `${name}@${request.ip} by a one-time link`);
      return signIn(pool, name, request, reply, now());
    },

    "PUT /session/password": async ({ pool, body, caller }) => {
      await checkOwnPassword(pool, caller, body.current_password, now());
      const hash = await hashPassword(body.new_password);
      await setPassword(pool, signedIn(caller).name, hash, caller.sessionHash, caller.actor);
      return undefined;
    },

    "POST /session/second-factor": async ({ pool, body, caller }) => {
      const { name } = await checkOwnPassword(pool, caller, body.current_password, now());
      const secret = newTotpSecret();
      await offerSecondFactor(pool, name, secret);
      return { secret, uri: totpUri(secret, name, settings.fqdn) };
    },

    "PUT /session/second-factor": async ({ pool, body, caller }) => {
      const { name } = signedIn(caller);
      const [user] = await readUsers(pool, name);
      const step = user?.totpOffer == null ? null : stepOfCode(user.totpOffer, body.code, now());
      const codes = newRecoveryCodes();
      if (step === null || !(await confirmSecondFactor(pool, name, step, codes.map(hashOfRecoveryCode), caller.actor)))
        throw new BackupAwarenessError("USER_INVALID", "the code is not the authenticator's present one", {
          hint: "look whether the clocks of both are right",
        });
      return { recovery_codes: codes };
    },

    "DELETE /session/second-factor": async ({ pool, body, caller }) => {
      const { name } = await checkOwnPassword(pool, caller, body.current_password, now());
      await removeSecondFactor(pool, name, caller.actor);
      return undefined;
    },
  }) satisfies Partial<Handlers>;

function signedIn({ user }: Caller): SessionUser {
  if (user === null) throw new BackupAwarenessError("NOT_SIGNED_IN", "nobody is signed in");
  return user;
}

/** Whoever finds a screen unlocked must not take the account over. @throws as signing in */
async function checkOwnPassword(pool: Pool, caller: Caller, password: string, now: Date): Promise<User> {
  const { name } = signedIn(caller);
  const [user] = await readUsers(pool, name);
  const bare = { address: caller.address, actor: caller.actor, now };
  if (user === undefined) throw new BackupAwarenessError("NOT_SIGNED_IN", "nobody is signed in");
  try {
    return await checkCredentials(pool, { name, password, secondFactor: null }, bare);
  } catch (error) {
    // The password was right, and the session itself stands for the second factor.
    if (error instanceof BackupAwarenessError && error.code === "SECOND_FACTOR_REQUIRED") return user;
    // 401 would mean that the session is over.
    if (error instanceof BackupAwarenessError && error.code === "SIGN_IN_FAILED")
      throw new BackupAwarenessError("USER_INVALID", "the present password is wrong");
    throw error;
  }
}

async function signIn(
  pool: Pool,
  name: string,
  request: FastifyRequest,
  reply: FastifyReply,
  now: Date,
): Promise<Session> {
  const expiresAt = new Date(now.getTime() + sessionLengthMs);
  const hash = giveSession(request, reply, expiresAt, now);
  const { actor } = callerOfUser({ name, role: "viewer" }, request.ip);
  await openSession(pool, name, { hash, expiresAt, address: request.ip }, actor);
  const user = await useSession(pool, hash);
  if (user === null) throw new BackupAwarenessError("SIGN_IN_FAILED", "the user was disabled in this moment");
  return sessionOf(user);
}

function sessionOf(user: SessionUser): Session {
  return {
    user: {
      name: user.name,
      role: user.role,
      has_password: user.hasPassword,
      has_second_factor: user.hasSecondFactor,
    },
    expires_at: user.expiresAt.toISOString(),
  };
}
