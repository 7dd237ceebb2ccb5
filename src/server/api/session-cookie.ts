import { randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { hashOfSecret } from "../../database/tokens.ts";

/*
 * The prefix __Host- has the browser refuse the cookie from anywhere but this host over https. Over plain http, on 127.0.0.1, it could not
 * be set.
 */
function cookieName(request: FastifyRequest): string {
  return request.protocol === "https" ? "__Host-ba_session" : "ba_session";
}

/** The hash of the session that the browser shows; null: it shows none. */
export function shownSession(request: FastifyRequest): Buffer | null {
  const name = cookieName(request);
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim().split("="));
  const secret = pairs.find(([key]) => key === name)?.[1];
  return secret === undefined || !/^[\w-]{43}$/.test(secret) ? null : hashOfSecret(secret);
}

/** A new session's secret goes to the browser; its hash is the answer. A session that was shown before is never taken up. */
export function giveSession(request: FastifyRequest, reply: FastifyReply, expiresAt: Date, now: Date): Buffer {
  const secret = randomBytes(32).toString("base64url");
  const seconds = Math.floor((expiresAt.getTime() - now.getTime()) / 1000);
  reply.header("set-cookie", cookie(request, secret, seconds));
  return hashOfSecret(secret);
}

export function takeSession(request: FastifyRequest, reply: FastifyReply): void {
  reply.header("set-cookie", cookie(request, "", 0));
}

function cookie(request: FastifyRequest, value: string, maxAgeSeconds: number): string {
  const secure = request.protocol === "https" ? "; Secure" : "";
  return `${cookieName(request)}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${secure}`;
}
