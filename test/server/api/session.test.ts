import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import pg from "pg";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Problem } from "../../../src/contract/api/problem.ts";
import { addUser, readUsers, setPassword } from "../../../src/database/users.ts";
import { throttledPlace } from "../../../src/server/api/sign-in.ts";
import { hashPassword, isPassword } from "../../../src/server/password-hash.ts";
import { newPasswordLink, offerFirstLink } from "../../../src/server/password-links.ts";
import { codeOfStep } from "../../../src/server/totp.ts";
import { type ApiFixture, startApi } from "./api-fixture.ts";

const password = "correct horse battery staple";
let fixture: ApiFixture;
before(async () => {
  fixture = await startApi();
  passwordHash = await hashPassword(password);
});
after(() => fixture.close());

type Answer = {
  status: number;
  headers: Record<string, unknown>;
  body: unknown;
  code: string | undefined;
  cookie: string;
};

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fixture.server.inject({
    method: method as "GET",
    url: `/api/v1${path}`,
    headers,
    ...(body === undefined ? {} : { payload: body as object }),
  });
  const parsed: unknown = answer.body === "" ? null : answer.json();
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: parsed,
    code: (parsed as Problem | null)?.code,
    cookie: String(answer.headers["set-cookie"] ?? "").split(";")[0] ?? "",
  };
}

let passwordHash: string;

/** A new user with a password, whom no failure of another test keeps waiting. */
async function newUser(role: "viewer" | "admin" = "viewer"): Promise<string> {
  const name = `u${randomBytes(4).toString("hex")}`;
  await addUser(fixture.pool, name, role, "test");
  await setPassword(fixture.pool, name, passwordHash, null, "test");
  return name;
}

const signIn = (name: string, more: object = {}, headers: Record<string, string> = {}) =>
  call("POST", "/session", { name, password, ...more }, headers);

async function asSuperuser(sql: string): Promise<pg.QueryResult<Record<string, number>>> {
  const client = new pg.Client({ connectionString: fixture.superuserUrl });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

beforeEach(async () => {
  await asSuperuser("delete from backup_awareness.login_failure");
});

test("the first start offers a link that sets the admin's password once; afterwards there is none", async () => {
  const link = await offerFirstLink(fixture.pool, "daemon", new Date());
  assert.ok(link);
  const secret = link.path.split("#")[1];
  const tooShort = await call("POST", "/session/password-link", { link: secret, password: "short" });
  assert.equal(tooShort.status, 400);
  const set = await call("POST", "/session/password-link", { link: secret, password });
  assert.deepEqual(
    [set.status, (set.body as { user: object }).user],
    [200, { name: "admin", role: "admin", has_password: true, has_second_factor: false }],
  );
  assert.equal((await call("POST", "/session/password-link", { link: secret, password })).code, "SIGN_IN_FAILED");
  assert.equal(await offerFirstLink(fixture.pool, "daemon", new Date()), null);
  assert.equal((await signIn("admin")).status, 200);
});

test("an old link is void, and so is one that a newer one follows", async () => {
  const name = await newUser();
  const old = await newPasswordLink(fixture.pool, name, "test", new Date(Date.now() - 3_600_001));
  assert.equal((await call("POST", "/session/password-link", { link: old.path.split("#")[1], password })).status, 401);
  const former = await newPasswordLink(fixture.pool, name, "test", new Date());
  await newPasswordLink(fixture.pool, name, "test", new Date());
  assert.equal(
    (await call("POST", "/session/password-link", { link: former.path.split("#")[1], password })).status,
    401,
  );
});

describe("a session", () => {
  test("is a cookie that no script and no other site gets, and ends when it is ended", async () => {
    const name = await newUser();
    const { headers, cookie } = await signIn(name);
    assert.match(
      String(headers["set-cookie"]),
      /^ba_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=604800$/,
    );
    assert.equal((await call("GET", "/session", undefined, { cookie })).status, 200);
    assert.equal((await call("DELETE", "/session", undefined, { cookie })).status, 204);
    assert.equal((await call("GET", "/session", undefined, { cookie })).status, 401);
  });

  test("is a new one at every sign-in: one that was planted before is not taken up", async () => {
    const name = await newUser();
    const planted = `ba_session=${randomBytes(32).toString("base64url")}`;
    const { cookie } = await signIn(name, {}, { cookie: planted });
    assert.notEqual(cookie, planted);
    assert.equal((await call("GET", "/session", undefined, { cookie: planted })).status, 401);
  });

  test("ends everywhere at once, and with a new password everywhere else", async () => {
    const name = await newUser();
    const [one, other] = [await signIn(name), await signIn(name)];
    const changed = await call(
      "PUT",
      "/session/password",
      { current_password: password, new_password: `${password}!` },
      { cookie: one.cookie },
    );
    assert.equal(changed.status, 204);
    assert.equal((await call("GET", "/session", undefined, { cookie: one.cookie })).status, 200);
    assert.equal((await call("GET", "/session", undefined, { cookie: other.cookie })).status, 401);
    assert.equal((await call("DELETE", "/session/all", undefined, { cookie: one.cookie })).status, 204);
    assert.equal((await call("GET", "/session", undefined, { cookie: one.cookie })).status, 401);
  });

  test("of a user who is disabled is over", async () => {
    const [name, admin] = [await newUser(), await newUser("admin")];
    const [{ cookie }, { cookie: adminCookie }] = [await signIn(name), await signIn(admin)];
    const change = await call("PATCH", `/users/${name}`, { is_disabled: true }, { cookie: adminCookie });
    assert.equal(change.status, 200);
    assert.equal((await call("GET", "/summary", undefined, { cookie })).status, 401);
    assert.equal((await signIn(name)).code, "SIGN_IN_FAILED");
    const { rows } = await fixture.pool.query<{ message: string; actor: string }>(
      "select message, actor from backup_awareness.audit_log where log_type = 9131 order by id desc limit 1",
    );
    assert.equal(rows[0]?.actor, `${admin}@127.0.0.1 via console`);
    assert.match(rows[0].message, new RegExp(`disabled user ${name}`));
  });

  test("changes nothing for a page of another site", async () => {
    const name = await newUser("admin");
    const { cookie } = await signIn(name);
    const check = (headers: Record<string, string>) => call("POST", "/checks", undefined, { cookie, ...headers });
    assert.equal((await check({ origin: "https://evil.example.com" })).code, "ORIGIN_REFUSED");
    assert.equal((await check({ origin: "null" })).code, "ORIGIN_REFUSED");
    assert.equal((await check({ "sec-fetch-site": "cross-site" })).code, "ORIGIN_REFUSED");
    assert.equal((await check({ origin: "http://localhost:80", host: "localhost:80" })).status, 200);
    assert.equal((await signIn(name, {}, { origin: "https://evil.example.com" })).code, "ORIGIN_REFUSED");
  });
});

describe("signing in", () => {
  test("fails alike for a wrong password and for a user who is not there", async () => {
    const name = await newUser();
    const wrong = await call("POST", "/session", { name, password: "wrong" });
    const nobody = await call("POST", "/session", { name: "nobody", password: "wrong" });
    assert.deepEqual([wrong.status, wrong.body], [401, nobody.body]);
  });

  test("has to wait after five failures of a user, whoever tries and with whatever password", async () => {
    const name = await newUser();
    for (let i = 0; i < 5; i++) assert.equal((await call("POST", "/session", { name, password: "wrong" })).status, 401);
    const waiting = await signIn(name);
    assert.equal(waiting.code, "TOO_MANY_REQUESTS");
    assert.equal(waiting.status, 429);
    assert.ok(Number(waiting.headers["retry-after"]) >= 1);
    assert.equal((await signIn(await newUser())).status, 200, "others need not wait");
    const { rows } = await fixture.pool.query(
      "select from backup_awareness.audit_log where log_type = 9135 and message like $1",
      [`%${name}%`],
    );
    assert.equal(rows.length, 1);
  });

  test("has to wait after many failures of an address, whatever the name", async () => {
    const { rows } = await asSuperuser(
      "select f, extract(epoch from backup_awareness.login_pause('address', f))::integer as seconds from unnest(array[19, 20, 22, 1000]) f order by f",
    );
    assert.deepEqual(
      rows.map(({ seconds }) => seconds),
      [0, 1, 4, 300],
    );
    assert.equal(throttledPlace("2001:db8:0:1::17"), throttledPlace("2001:db8:0:1:ffff::1"));
    assert.notEqual(throttledPlace("2001:db8:0:1::17"), throttledPlace("2001:db8:0:2::17"));
    assert.equal(throttledPlace("::ffff:192.0.2.1"), "192.0.2.1");
  });

  test("asks for the second factor once there is one; each code works once", async () => {
    const name = await newUser();
    const { cookie } = await signIn(name);
    const offer = await call("POST", "/session/second-factor", { current_password: password }, { cookie });
    const { secret, uri } = offer.body as { secret: string; uri: string };
    assert.match(uri, /^otpauth:\/\/totp\/.*secret=[A-Z2-7]{32}&/);
    const step = Math.floor(Date.now() / 30_000);
    assert.equal((await call("PUT", "/session/second-factor", { code: "000000" }, { cookie })).status, 422);
    const confirmed = await call("PUT", "/session/second-factor", { code: codeOfStep(secret, step) }, { cookie });
    const { recovery_codes: codes } = confirmed.body as { recovery_codes: string[] };
    assert.equal(new Set(codes).size, 10);
    assert.equal((await signIn(name)).code, "SECOND_FACTOR_REQUIRED");
    assert.equal(
      (await signIn(name, { second_factor: codeOfStep(secret, step) })).code,
      "SIGN_IN_FAILED",
      "it was taken",
    );
    assert.equal((await signIn(name, { second_factor: codeOfStep(secret, step + 1) })).status, 200);
    assert.equal((await signIn(name, { second_factor: codes[0] })).status, 200);
    assert.equal((await signIn(name, { second_factor: codes[0] })).code, "SIGN_IN_FAILED");
    assert.equal(
      (await call("DELETE", "/session/second-factor", { current_password: password }, { cookie })).status,
      204,
    );
    assert.equal((await signIn(name)).status, 200);
  });
});

test("codes are those of RFC 6238", () => {
  const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"; // 12345678901234567890, its appendix B
  assert.deepEqual(
    [59, 1111111109, 20000000000].map((seconds) => codeOfStep(secret, Math.floor(seconds / 30))),
    ["287082", "081804", "353130"],
  );
});

test("a password is known by its hash alone, each with a salt of its own", async () => {
  const [one, other] = await Promise.all([hashPassword(password), hashPassword(password)]);
  assert.notEqual(one, other);
  assert.match(one, /^\$scrypt\$ln=17,r=8,p=1\$/);
  assert.deepEqual(
    [await isPassword(password, one), await isPassword(`${password} `, one), await isPassword(password, null)],
    [true, false, false],
  );
});

test("the last admin can neither be disabled nor made less", async () => {
  for (const { name, role } of await readUsers(fixture.pool))
    if (role === "admin" && name !== "admin")
      await call("PATCH", `/users/${name}`, { is_disabled: true }, { authorization: `Bearer ${fixture.tokens.admin}` });
  for (const change of [{ is_disabled: true }, { role: "viewer" }]) {
    const answer = await call("PATCH", "/users/admin", change, { authorization: `Bearer ${fixture.tokens.admin}` });
    assert.deepEqual([answer.status, answer.code], [422, "USER_INVALID"]);
  }
});

test("every answer tells browsers what they may not do", async () => {
  const { headers } = await call("GET", "/session/methods");
  assert.match(String(headers["content-security-policy"]), /default-src 'none'.*frame-ancestors 'none'/);
  assert.ok(!String(headers["content-security-policy"]).includes("unsafe"));
  assert.deepEqual(
    [headers["referrer-policy"], headers["x-frame-options"], headers["x-content-type-options"]],
    ["no-referrer", "DENY", "nosniff"],
  );
});
