import { createHash, randomBytes } from "node:crypto";
import type { Pool } from "pg";
import type { TokenKind } from "../contract/api/permissions.ts";
import { callProcedure } from "./procedure-errors.ts";

/** A key for scripts, without its secret. */
export type Token = {
  readonly id: number;
  readonly name: string;
  readonly kind: TokenKind;
  /** Of a report token: the engine that it may report for, or a pattern in which * is any characters. */
  readonly engine: string | null;
  /** Its first characters, to recognise it by. */
  readonly prefix: string;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** To a minute. */
  readonly lastUsedAt: Date | null;
  readonly lastUsedFrom: string | null;
};

export type NewToken = {
  readonly name: string;
  readonly kind: TokenKind;
  readonly engine: string | null;
  readonly expiresAt: Date | null;
};

/** A token that is in use, as whoever shows it may act. */
export type ValidToken = Pick<Token, "id" | "name" | "kind" | "engine">;

/** Characters of a token that may be shown: its kind and eight that are random. */
const shownCharacters = 8;

/** What is kept of a secret of 256 random bits: nothing slower is needed, since nobody can guess it. */
export function hashOfSecret(secret: string): Buffer {
  return createHash("sha256").update(secret, "utf8").digest();
}

/**
 * Makes a token. The secret is nowhere but in the answer: show it once.
 *
 * @throws TOKEN_INVALID
 */
export async function createToken(pool: Pool, token: NewToken, actor: string): Promise<{ id: number; secret: string }> {
  // The name in front lets scanners for leaked secrets find it.
  const kind = `ba_${token.kind}_`;
  const secret = kind + randomBytes(32).toString("base64url");
  return callProcedure("TOKEN_INVALID", async () => {
    const { rows } = await pool.query<{ id: string }>(
      "select backup_awareness.create_token($1, $2, $3, $4, $5, $6, $7) as id",
      [
        token.name,
        token.kind,
        token.engine,
        secret.slice(0, kind.length + shownCharacters),
        hashOfSecret(secret),
        token.expiresAt,
        actor,
      ],
    );
    return { id: Number(rows[0]?.id), secret };
  });
}

/** Revokes a token for good. Returns whether that was new. @throws TOKEN_UNKNOWN */
export async function revokeToken(pool: Pool, id: number, actor: string): Promise<boolean> {
  return callProcedure("TOKEN_UNKNOWN", async () => {
    const { rows } = await pool.query<{ is_new: boolean }>("select backup_awareness.revoke_token($1, $2) as is_new", [
      id,
      actor,
    ]);
    return rows[0]?.is_new ?? false;
  });
}

/** The token of that secret, or null: there is none, or it was revoked or has expired. Notes its use. */
export async function useToken(pool: Pool, secret: string, address: string): Promise<ValidToken | null> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ id: string; name: string; kind: TokenKind; engine: string | null }>(
      "select id, name, kind, engine from backup_awareness.use_token($1, $2)",
      [hashOfSecret(secret), address],
    );
    const row = rows[0];
    return row === undefined ? null : { id: Number(row.id), name: row.name, kind: row.kind, engine: row.engine };
  });
}

/** Every token, also revoked and expired ones, the newest first; or the one of that number. */
export async function readTokens(pool: Pool, id: number | null = null): Promise<readonly Token[]> {
  return callProcedure("TOKEN_UNKNOWN", async () => {
    const { rows } = await pool.query<{
      id: string;
      name: string;
      kind: TokenKind;
      engine: string | null;
      prefix: string;
      created_at: Date;
      created_by: string;
      expires_at: Date | null;
      revoked_at: Date | null;
      last_used_at: Date | null;
      last_used_from: string | null;
    }>(
      `select id, name, kind, engine, prefix, created_at, created_by, expires_at, revoked_at, last_used_at, last_used_from
       from backup_awareness.api_token where $1::bigint is null or id = $1 order by id desc`,
      [id],
    );
    return rows.map((row) => ({
      id: Number(row.id),
      name: row.name,
      kind: row.kind,
      engine: row.engine,
      prefix: row.prefix,
      createdAt: row.created_at,
      createdBy: row.created_by,
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at,
      lastUsedAt: row.last_used_at,
      lastUsedFrom: row.last_used_from,
    }));
  });
}

/** Whether a report token's pattern covers an engine: `*` stands for any characters, also none; capitals do not count. */
export function coversEngine(pattern: string, fqdn: string): boolean {
  const parts = pattern.toLowerCase().split("*");
  const name = fqdn.toLowerCase();
  const [first = "", ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  // What is between the stars must follow in its order; taking each at its first place leaves the most room for the rest.
  let at = first.length;
  const end = name.length - last.length;
  return rest.every((part) => {
    const found = name.indexOf(part, at);
    at = found + part.length;
    return found >= 0 && at <= end;
  });
}
