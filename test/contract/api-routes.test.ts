import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiProblem, apiClient } from "../../src/contract/api/client.ts";
import { permissions } from "../../src/contract/api/permissions.ts";
import { type Route, routes } from "../../src/contract/api/routes.ts";

const table: [string, Route][] = Object.entries(routes);

type ObjectSchema = {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: unknown;
};

test("every parameter in a path has a schema, and no schema is without its parameter", () => {
  for (const [name, route] of table) {
    const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, key]) => key);
    const inSchema = Object.keys((route.params as ObjectSchema | undefined)?.properties ?? {});
    assert.deepEqual(inSchema, inPath, name);
  }
});

test("what clients send may hold no key that the schema does not know", () => {
  for (const [name, route] of table) {
    for (const schema of [route.params, route.query, route.body] as (ObjectSchema | undefined)[]) {
      if (schema?.properties !== undefined) assert.equal(schema.additionalProperties, false, name);
    }
  }
});

test("only what needs a cookie or a token of its own is open to everybody", () => {
  const open = table.filter(([, { permission }]) => permissions[permission] === permissions.public);
  assert.deepEqual(
    open.map(([name]) => name),
    ["GET /session/methods", "POST /session", "POST /session/password-link"],
  );
});

test("the client fills parameters and query into the path, and repeats what is given several times", () => {
  const api = apiClient({ baseUrl: "https://backup.example.com" });
  assert.equal(
    api.url("GET /engines/{fqdn}/backups", {
      params: { fqdn: "a/b c" },
      query: { outcome: ["failed", "unknown"], limit: 5 },
    }),
    "https://backup.example.com/api/v1/engines/a%2Fb%20c/backups?outcome=failed&outcome=unknown&limit=5",
  );
  assert.equal(api.url("GET /summary"), "https://backup.example.com/api/v1/summary");
});

test("the client sends its token and throws the server's problem", async () => {
  const asked: { url: string; init: RequestInit }[] = [];
  const problem = {
    type: "",
    title: "",
    status: 404,
    detail: "there is no open alert 7",
    code: "ALERT_UNKNOWN",
    hint: null,
  };
  const api = apiClient({
    token: "secret",
    fetch: async (url, init) => {
      asked.push({ url, init });
      return Response.json(problem, { status: 404 });
    },
  });
  await assert.rejects(api.call("POST /alerts/{id}/dismiss", { params: { id: 7 }, body: {} }), (error: unknown) => {
    assert.ok(error instanceof ApiProblem);
    assert.equal(error.problem.code, "ALERT_UNKNOWN");
    return true;
  });
  assert.equal(asked[0]?.url, "/api/v1/alerts/7/dismiss");
  assert.equal(asked[0].init.method, "POST");
  assert.equal((asked[0].init.headers as Record<string, string>)["authorization"], "Bearer secret");
});

test("a proxy's error page becomes a problem, too", async () => {
  const api = apiClient({
    fetch: async () => new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" }),
  });
  await assert.rejects(api.call("GET /summary"), /the server answered 502 Bad Gateway/);
});
