import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { type CallerKind, callerKinds, isAllowed, roles } from "../../../src/contract/api/permissions.ts";
import { apiPath, type Route, routes } from "../../../src/contract/api/routes.ts";
import { openSession } from "../../../src/database/sessions.ts";
import { hashOfSecret } from "../../../src/database/tokens.ts";
import { addUser } from "../../../src/database/users.ts";
import { type ApiFixture, startApi } from "./api-fixture.ts";

let fixture: ApiFixture;
before(async () => {
  fixture = await startApi();
  for (const role of roles) await addUser(fixture.pool, role, role, "test");
});
after(() => fixture.close());

/** What such a caller shows; a session of its own for each request, since some end it. */
async function credentials(kind: CallerKind): Promise<Record<string, string>> {
  if (kind === "anonymous") return {};
  const token = /^(\w+) token$/.exec(kind)?.[1] as keyof typeof fixture.tokens | undefined;
  if (token !== undefined) return { authorization: `Bearer ${fixture.tokens[token]}` };
  const secret = randomBytes(32).toString("base64url");
  const session = { hash: hashOfSecret(secret), expiresAt: new Date(Date.now() + 60_000), address: "127.0.0.1" };
  await openSession(fixture.pool, kind, session, "test");
  return { cookie: `ba_session=${secret}` };
}

for (const [name, route] of Object.entries(routes) as [string, Route][]) {
  test(`${name} is for who has the permission ${route.permission}, and for nobody else`, async () => {
    const [method = "", path = ""] = name.split(" ");
    for (const kind of callerKinds) {
      const allowed = isAllowed(route.permission, kind);
      // It would go on for ever; writing.test.ts listens to it.
      if (name === "GET /stream" && allowed) continue;
      const answer = await fixture.server.inject({
        method: method as "GET",
        url: apiPath + path.replace(/\{\w+\}/g, "999999999"),
        headers: await credentials(kind),
        ...(route.body === undefined ? {} : { payload: { no: "sense" } }),
      });
      const refused = answer.statusCode === 401 || answer.statusCode === 403;
      assert.equal(refused, !allowed, `${kind}: ${answer.statusCode} ${answer.body}`);
      if (!allowed) assert.equal(answer.statusCode, kind === "anonymous" ? 401 : 403, kind);
      assert.ok(answer.statusCode < 500, `${kind}: ${answer.body}`);
    }
  });
}
