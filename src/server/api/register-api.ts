import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { isAllowed } from "../../contract/api/permissions.ts";
import { apiPath, type Route, type RouteName, routes } from "../../contract/api/routes.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import { useSession } from "../../database/sessions.ts";
import { useToken } from "../../database/tokens.ts";
import { anonymousCaller, type Caller, callerOfToken, callerOfUser } from "./caller.ts";
import { CallGate } from "./call-gate.ts";
import type { ApiContext, Call, Handlers } from "./handlers.ts";
import { demandSameOrigin } from "./same-origin.ts";
import { shownSession } from "./session-cookie.ts";
import { compileValidator } from "./validation.ts";

/** Calls that use the database at once: the daemon's own work keeps the rest of its connections. */
const mostCallsAtOnce = 12;

/** Adds every route of the table that has a handler. Who may not is refused before anything of his request is read. */
export function registerApi(server: FastifyInstance, context: ApiContext, handlers: Partial<Handlers>): void {
  const gate = new CallGate(mostCallsAtOnce);
  const callers = new WeakMap<FastifyRequest, Caller>();
  server.setValidatorCompiler(compileValidator);
  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    const handler = handlers[name] as ((call: Call<RouteName>) => Promise<unknown>) | undefined;
    if (handler === undefined) continue;
    const [method = "GET", path = ""] = name.split(" ");
    const status = route.status ?? (route.answer === null ? 204 : 200);
    server.route({
      method,
      url: apiPath + path.replace(/\{(\w+)\}/g, ":$1"),
      schema: {
        ...(route.params === undefined ? {} : { params: route.params }),
        ...(route.query === undefined ? {} : { querystring: route.query }),
        ...(route.body === undefined ? {} : { body: route.body }),
        ...(route.answer === null ? {} : { response: { [status]: route.answer } }),
      },
      onRequest: async (request) => {
        demandSameOrigin(request);
        const caller = await gate.pass(() => findCaller(context, request));
        if (!isAllowed(route.permission, caller.kind)) throw refusal(caller);
        callers.set(request, caller);
      },
      handler: async (request, reply) => {
        const caller = callers.get(request);
        if (caller === undefined) throw new Error("a call without a caller");
        const { params, query, body } = request;
        const stillAllowed = async (): Promise<boolean> =>
          isAllowed(route.permission, (await gate.pass(() => findCaller(context, request))).kind);
        const pool = context.pool();
        const call = { params, query, body, caller, pool, request, reply, stillAllowed } as Call<RouteName>;
        const answer = await gate.pass(() => handler(call));
        if (reply.sent) return reply;
        const link = linkToNext(answer, request);
        if (link !== null) reply.header("link", link);
        return reply.code(status).send(answer);
      },
    });
  }
  server.addHook("onSend", async (request, reply, payload) => {
    if (!request.url.startsWith(apiPath)) return payload;
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "private, no-cache");
    if (request.method !== "GET" || reply.statusCode !== 200 || typeof payload !== "string") return payload;
    const etag = `"${createHash("sha256").update(payload).digest("base64url").slice(0, 27)}"`;
    reply.header("etag", etag);
    if (!(request.headers["if-none-match"] ?? "").split(/\s*,\s*/).some((known) => known.replace(/^W\//, "") === etag))
      return payload;
    reply.code(304).removeHeader("content-length").removeHeader("content-type");
    return null;
  });
}

/**
 * Who asks: who shows a token is asked for that alone; else the browser's session counts.
 *
 * @throws DATABASE_UNREACHABLE where he shows either, and nobody can look it up
 */
export async function findCaller(context: ApiContext, request: FastifyRequest): Promise<Caller> {
  const { ip: address } = request;
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const [scheme, secret, ...rest] = authorization.split(" ");
    if (scheme?.toLowerCase() !== "bearer" || secret === undefined || rest.length > 0) return anonymousCaller(address);
    const token = await useToken(context.pool(), secret, address);
    return token === null ? anonymousCaller(address) : callerOfToken(token, address);
  }
  const sessionHash = shownSession(request);
  const user = sessionHash === null ? null : await useSession(context.pool(), sessionHash);
  if (user === null) return anonymousCaller(address);
  return { ...callerOfUser(user, address), token: null, user, sessionHash };
}

export function refusal(caller: Caller): BackupAwarenessError {
  if (caller.kind === "anonymous")
    return new BackupAwarenessError("NOT_SIGNED_IN", "this needs a token or a session that is valid", {
      hint: "send `Authorization: Bearer TOKEN`; `backup-awareness token create` makes one",
    });
  const who = caller.kind.endsWith("token") ? `a ${caller.kind}` : `the role ${caller.kind}`;
  return new BackupAwarenessError("NOT_ALLOWED", `${who} may not do this`);
}

/** RFC 8288: where the next page is. null: there is none. */
function linkToNext(answer: unknown, request: FastifyRequest): string | null {
  if (typeof answer !== "object" || answer === null || !("next" in answer) || typeof answer.next !== "string")
    return null;
  const [path = "", query = ""] = request.url.split("?", 2);
  const parameters = new URLSearchParams(query);
  parameters.set("after", answer.next);
  return `<${path}?${parameters.toString()}>; rel="next"`;
}
