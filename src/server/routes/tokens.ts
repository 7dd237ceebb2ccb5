import type { TokenItem } from "../../contract/api/user-schemas.ts";
import { createToken, readTokens, revokeToken, type Token } from "../../database/tokens.ts";
import type { Handlers } from "../api/handlers.ts";
import { momentOf } from "../api/moment.ts";

export const tokenHandlers = {
  "GET /tokens": async ({ pool }) => ({ items: (await readTokens(pool)).map(tokenItem) }),

  "POST /tokens": async ({ pool, body, caller }) => {
    const { name, kind, engine = null, expires_at } = body;
    const expiresAt = expires_at == null ? null : momentOf("expires_at", expires_at);
    const { id, secret } = await createToken(pool, { name, kind, engine, expiresAt }, caller.actor);
    const [token] = await readTokens(pool, id);
    if (token === undefined) throw new Error("a token that was just made is gone");
    return { token: secret, item: tokenItem(token) };
  },

  "DELETE /tokens/{id}": async ({ pool, params, caller }) => {
    await revokeToken(pool, params.id, caller.actor);
    return undefined;
  },
} satisfies Partial<Handlers>;

function tokenItem(token: Token): TokenItem {
  return {
    id: token.id,
    name: token.name,
    kind: token.kind,
    engine: token.engine,
    prefix: token.prefix,
    created_at: token.createdAt.toISOString(),
    created_by: token.createdBy,
    expires_at: token.expiresAt?.toISOString() ?? null,
    revoked_at: token.revokedAt?.toISOString() ?? null,
    last_used_at: token.lastUsedAt?.toISOString() ?? null,
    last_used_from: token.lastUsedFrom,
  };
}
