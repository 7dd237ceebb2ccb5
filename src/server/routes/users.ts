import type { Pool } from "pg";
import type { UserItem } from "../../contract/api/user-schemas.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { closeSessions } from "../../database/sessions.ts";
import { addUser, changeUser, readUsers, removeSecondFactor, type User } from "../../database/users.ts";
import type { ApiContext, Handlers } from "../api/handlers.ts";
import { newPasswordLink } from "../password-links.ts";

export const userHandlers = ({ now }: ApiContext) =>
  ({
    "GET /users": async ({ pool }) => ({ items: (await readUsers(pool)).map(userItem) }),

    "POST /users": async ({ pool, body, caller }) => {
      await addUser(pool, body.name, body.role, caller.actor);
      const link = await newPasswordLink(pool, body.name, caller.actor, now());
      return {
        user: await readUserItem(pool, body.name),
        link_path: link.path,
        expires_at: link.expiresAt.toISOString(),
      };
    },

    "PATCH /users/{name}": async ({ pool, params: { name }, body, caller }) => {
      const { role, is_disabled: isDisabled, has_second_factor: hasSecondFactor } = body;
      await changeUser(
        pool,
        name,
        { ...(role === undefined ? {} : { role }), ...(isDisabled === undefined ? {} : { isDisabled }) },
        caller.actor,
      );
      if (hasSecondFactor === false) await removeSecondFactor(pool, name, caller.actor);
      return readUserItem(pool, name);
    },

    "POST /users/{name}/password-link": async ({ pool, params: { name }, caller }) => {
      const link = await newPasswordLink(pool, name, caller.actor, now());
      return { link_path: link.path, expires_at: link.expiresAt.toISOString() };
    },

    "DELETE /users/{name}/sessions": async ({ pool, params: { name }, caller }) => {
      await closeSessions(pool, name, null, caller.actor);
      return undefined;
    },
  }) satisfies Partial<Handlers>;

async function readUserItem(pool: Pool, name: string): Promise<UserItem> {
  const [user] = await readUsers(pool, name);
  if (user === undefined) throw new BackupAwarenessError("USER_UNKNOWN", `there is no user ${JSON.stringify(name)}`);
  return userItem(user);
}

function userItem(user: User): UserItem {
  return {
    name: user.name,
    role: user.role,
    is_disabled: user.isDisabled,
    has_password: user.passwordHash !== null,
    has_second_factor: user.totpSecret !== null,
    created_at: user.createdAt.toISOString(),
    last_login_at: user.lastLoginAt?.toISOString() ?? null,
    session_count: user.sessionCount,
  };
}
