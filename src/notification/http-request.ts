import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { IncomingMessage } from "node:http";
import type { LookupFunction } from "node:net";
import { type AddressGuard, type PinnedAddress, resolveGuarded } from "./address-guard.ts";

export type HttpRequest = {
  readonly method?: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Certificate authorities in PEM beside the well-known ones. */
  readonly ca?: string;
};

export type HttpResponse = {
  readonly status: number;
  readonly statusText: string;
  /** Its beginning. */
  readonly body: string;
  /** How long the other side asks to be left alone. */
  readonly retryAfterMs: number | null;
};

/** Sends one request and waits for the answer; rejects where none comes. */
export type SendHttp = (request: HttpRequest) => Promise<HttpResponse>;

const longestBody = 16_384;
const mostRedirects = 3;

/** A sender that connects to no address which the guard refuses, also after a redirect: each is resolved, checked and pinned anew. */
export function httpSender(guard: AddressGuard, userAgent: string, signal: AbortSignal): SendHttp {
  return async (first) => {
    let request = first;
    for (let redirects = 0; ; redirects++) {
      const url = new URL(request.url);
      if (url.protocol !== "https:" && url.protocol !== "http:") throw new Error(`${url.protocol} is no way to send`);
      const pinned = await resolveGuarded(url.hostname, guard, signal);
      const response = await exchange(request, url, pinned, userAgent, signal);
      const location = response.headers.location;
      // 301 to 303 make a GET of it, which tells nobody anything.
      if (
        (response.statusCode !== 307 && response.statusCode !== 308) ||
        location === undefined ||
        redirects >= mostRedirects
      )
        return { ...headOf(response), body: await bodyOf(response) };
      response.destroy();
      const next = new URL(location, url);
      if (url.protocol === "https:" && next.protocol !== "https:") throw new Error("redirected from https to http");
      // What another host is not meant to see stays here.
      request = {
        ...request,
        url: next.href,
        ...(next.origin === url.origin ? {} : { headers: publicHeaders(request.headers) }),
      };
    }
  };
}

async function exchange(
  request: HttpRequest,
  url: URL,
  pinned: PinnedAddress,
  userAgent: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const lookup: LookupFunction = (_host, options, callback) => {
    if (options.all === true) callback(null, [{ ...pinned }]);
    else callback(null, pinned.address, pinned.family);
  };
  const { method = "POST", body } = request;
  const answer = Promise.withResolvers<IncomingMessage>();
  const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, {
    method,
    lookup,
    signal,
    agent: false,
    headers: {
      "user-agent": userAgent,
      accept: "*/*",
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
      ...request.headers,
    },
    ...(request.ca === undefined ? {} : { ca: request.ca }),
  });
  outgoing.on("response", answer.resolve);
  outgoing.on("error", answer.reject);
  outgoing.end(body);
  return answer.promise;
}

function headOf(response: IncomingMessage): Omit<HttpResponse, "body"> {
  return {
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? "",
    retryAfterMs: retryAfterMs(response.headers["retry-after"]),
  };
}

/** Seconds; a date is as rare as it is imprecise. */
function retryAfterMs(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : null;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= longestBody) break; // which ends the connection
  }
  return Buffer.concat(chunks).subarray(0, longestBody).toString("utf8");
}

function publicHeaders(headers: HttpRequest["headers"]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => name.toLowerCase() === "content-type"));
}
