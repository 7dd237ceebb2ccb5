import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isAllowed } from "../../contract/api/permissions.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { Report } from "../../contract/report.ts";
import { isScope } from "../../contract/scope.ts";
import { logOutput, recordReport } from "../../database/record-report.ts";
import { coversEngine, useToken, type ValidToken } from "../../database/tokens.ts";
import { OutputTail } from "../../report/output-tail.ts";
import { callerOfToken } from "../api/caller.ts";
import type { ApiContext } from "../api/handlers.ts";

/** Of a body, its end is kept, where the errors stand: as much as Healthchecks keeps of its begin. */
const keptBodyBytes = 100_000;
const runIdForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

type PingRequest = FastifyRequest<{
  Params: { readonly token: string; readonly scope: string; readonly signal?: string };
  Querystring: { readonly rid?: unknown; readonly engine?: unknown };
}>;

/** What a ping says, or why it is none. */
type Signal = Pick<Report, "status" | "outputMessage"> | { readonly refusal: string };

/**
 * GET, HEAD and POST /ping/TOKEN/SCOPE[/start|/fail|/log|/EXIT-CODE][?rid=UUID]: the forms of Healthchecks' pinging API, so that whoever pings it changes an
 * address. The token's engine is meant; a token for several needs ?engine=. Answers are a line of text.
 */
export function addPingRoutes(server: FastifyInstance, context: ApiContext): void {
  server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    // Whatever it is called, it is a tool's output.
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => {
      parsed(null, body);
    });
    scope.setErrorHandler((error, _request, reply) => {
      // The path, which holds the token, goes into no log.
      context.logger.warn({ err: error }, "a ping could not be recorded");
      const isAway = error instanceof BackupAwarenessError;
      return answer(reply, isAway ? error.httpStatus : 500, isAway ? error.message : "internal error");
    });
    for (const url of ["/ping/:token/:scope", "/ping/:token/:scope/:signal"]) {
      scope.route({
        method: ["GET", "HEAD", "POST"],
        url,
        handler: (request, reply) => takePing(context, request as PingRequest, reply),
      });
    }
    done();
  });
}

async function takePing(context: ApiContext, request: PingRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { scope, signal } = request.params;
  const { rid, engine } = request.query;
  const pool = context.pool();
  const token = await useToken(pool, request.params.token, request.ip);
  if (token === null || !isAllowed("report", callerOfToken(token, request.ip).kind))
    return answer(reply, 404, "not found");
  if (!isScope(scope)) return answer(reply, 400, "no scope: small letters, digits, _ and -, beginning with a letter");
  if (rid !== undefined && (typeof rid !== "string" || !runIdForm.test(rid)))
    return answer(reply, 400, "rid is no UUID");
  const fqdn = engineOf(token, engine);
  if (fqdn === null) return answer(reply, 400, "the token does not name one engine: add ?engine=NAME, which it covers");
  const body = bodyOf(request.body);
  if (signal === "log") {
    await logOutput(pool, scope, fqdn, body);
    return answer(reply, 200, "OK");
  }
  const said = readSignal(signal, body);
  if ("refusal" in said) return answer(reply, 400, said.refusal);
  await recordReport(pool, {
    scope,
    doneAt: new Date(),
    ...said,
    fqdn,
    logPath: null,
    ...(rid === undefined ? {} : { runId: rid.toLowerCase() }),
  });
  return answer(reply, 200, "OK");
}

/** null: the token covers several, or not that one. */
function engineOf(token: ValidToken, asked: unknown): string | null {
  const pattern = token.engine;
  if (typeof asked === "string") return pattern === null || coversEngine(pattern, asked) ? asked : null;
  return asked === undefined && pattern !== null && !pattern.includes("*") ? pattern : null;
}

function readSignal(signal: string | undefined, body: string): Signal {
  switch (signal) {
    case undefined:
    case "0":
      return { status: "completed", outputMessage: body };
    case "start":
      return { status: "started", outputMessage: body };
    case "fail":
      return { status: "failed", outputMessage: body === "" ? "a ping said that it failed" : body };
  }
  if (!/^\d{1,3}$/.test(signal) || Number(signal) > 255)
    return { refusal: "no signal: start, fail, log or an exit code from 0 to 255" };
  if (Number(signal) === 0) return { status: "completed", outputMessage: body };
  return { status: "failed", outputMessage: body === "" ? `exit code ${signal}` : `exit code ${signal}\n\n${body}` };
}

function bodyOf(body: unknown): string {
  const tail = new OutputTail(keptBodyBytes);
  if (Buffer.isBuffer(body)) tail.add(body);
  return tail.text();
}

function answer(reply: FastifyReply, code: number, text: string): FastifyReply {
  return reply
    .code(code)
    .header("cache-control", "no-store")
    .header("ping-body-limit", String(keptBodyBytes))
    .type("text/plain; charset=utf-8")
    .send(text);
}
