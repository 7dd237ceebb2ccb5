import type { Problem } from "./problem.ts";
import type { Answer, Body, Params, Query, RouteName } from "./routes.ts";

/* Only types come from the schemas: whoever bundles this brings none of them to the browser. */

type IfGiven<Key extends string, Value> = Value extends undefined
  ? Readonly<Partial<Record<Key, undefined>>>
  : Readonly<Record<Key, Value>>;

/** What a route is asked with. */
export type CallInput<Name extends RouteName> = IfGiven<"params", Params<Name>> &
  (Query<Name> extends undefined ? { readonly query?: undefined } : { readonly query?: Query<Name> }) &
  IfGiven<"body", Body<Name>> & { readonly signal?: AbortSignal };

/** The input may be left out where a route needs none. */
type Rest<Name extends RouteName> =
  Record<string, never> extends Omit<CallInput<Name>, "signal">
    ? [input?: CallInput<Name>]
    : Partial<CallInput<Name>> extends CallInput<Name>
      ? [input?: CallInput<Name>]
      : [input: CallInput<Name>];

export type ApiClient = {
  /**
   * `call("GET /engines/{fqdn}", { params: { fqdn } })`: the answer, as its schema says.
   *
   * @throws ApiProblem where the server refuses or fails; what fetch throws where it cannot be reached
   */
  call<Name extends RouteName>(name: Name, ...input: Rest<Name>): Promise<Answer<Name>>;
  /** The URL that `call` would ask; for links, downloads and EventSource. */
  url<Name extends RouteName>(name: Name, ...input: Rest<Name>): string;
};

export type ClientOptions = {
  /** `https://backup.example.com`; empty: the page's own server. */
  readonly baseUrl?: string;
  /** For scripts; a browser has its cookie. */
  readonly token?: string;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
};

/** The server's refusal or failure: a problem document of RFC 9457. */
export class ApiProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ApiProblem";
    this.problem = problem;
  }
}

/** A client with the types of the one table of routes. */
export function apiClient({
  baseUrl = "",
  token,
  fetch = globalThis.fetch.bind(globalThis),
}: ClientOptions = {}): ApiClient {
  const headers: Record<string, string> = { accept: "application/json" };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  return {
    call: async <Name extends RouteName>(name: Name, ...[input]: Rest<Name>) => {
      const { body, signal } = input ?? {};
      const response = await fetch(baseUrl + pathOf(name, input), {
        method: name.slice(0, name.indexOf(" ")),
        credentials: "same-origin",
        headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (!response.ok) throw new ApiProblem(await problemOf(response));
      return (response.status === 204 ? undefined : await response.json()) as Answer<Name>;
    },
    url: (name, ...[input]) => baseUrl + pathOf(name, input),
  };
}

type Value = string | number | boolean | undefined;
type Values = Readonly<Record<string, Value | readonly Value[]>>;

function pathOf(name: RouteName, input: { readonly params?: unknown; readonly query?: unknown } | undefined): string {
  const params = (input?.params ?? {}) as Values;
  const path = name
    .slice(name.indexOf(" ") + 1)
    .replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(String(params[key])));
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries((input?.query ?? {}) as Values))
    for (const one of [value].flat()) if (one !== undefined) query.append(key, String(one));
  return `/api/v1${path}${query.size === 0 ? "" : `?${query.toString()}`}`;
}

/** A proxy's own error page is no problem document. */
async function problemOf(response: Response): Promise<Problem> {
  const found: unknown = await response.json().catch(() => null);
  if (typeof found === "object" && found !== null && "code" in found && "detail" in found) return found as Problem;
  return {
    type: "about:blank",
    title: response.statusText,
    status: response.status,
    detail: `the server answered ${response.status} ${response.statusText}`.trim(),
    code: "INTERNAL",
    hint: null,
  };
}
