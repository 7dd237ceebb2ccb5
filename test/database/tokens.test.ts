import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { coversEngine, createToken, readTokens, revokeToken, useToken } from "../../src/database/tokens.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { testServers } from "../support/servers.ts";

let database: MigratedDatabase;
let pool: pg.Pool;
before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "own.example.com" });
  pool = new pg.Pool({ connectionString: database.url });
});
after(async () => {
  await pool.end();
  await database.drop();
});

const readToken = { name: "dashboard", kind: "read", engine: null, expiresAt: null } as const;

test("a token is known by its secret, which is kept nowhere, and notes its use and revocation", async () => {
  const { id, secret } = await createToken(pool, readToken, "ann@host");
  assert.match(secret, /^ba_read_[\w-]{43}$/);
  assert.deepEqual(await useToken(pool, secret, "192.0.2.1"), { id, name: "dashboard", kind: "read", engine: null });
  assert.equal(await useToken(pool, `${secret}x`, "192.0.2.1"), null);
  const [token] = await readTokens(pool, id);
  assert.equal(token?.lastUsedFrom, "192.0.2.1");
  assert.ok(secret.startsWith(token.prefix) && token.prefix.length < 20);
  const { rows } = await pool.query<{ row: string }>("select t::text as row from backup_awareness.api_token t");
  assert.ok(!rows.some(({ row }) => row.includes(secret)));
  assert.equal(await revokeToken(pool, id, "ann@host"), true);
  assert.equal(await revokeToken(pool, id, "ann@host"), false);
  assert.equal(await useToken(pool, secret, "192.0.2.1"), null);
  const events = await pool.query<{ type: string; actor: string }>(
    "select log_type_name as type, actor from backup_awareness.audit_log where log_type in (9137, 9138) order by id",
  );
  assert.deepEqual(events.rows, [
    { type: "TOKEN_CREATED", actor: "ann@host" },
    { type: "TOKEN_REVOKED", actor: "ann@host" },
  ]);
});

test("a token works until it expires, to the moment", async () => {
  const { secret } = await createToken(pool, { ...readToken, expiresAt: new Date("2099-01-01T00:00:00Z") }, "test");
  const valid = async (now: string) => {
    const { rowCount } = await pool.query(
      "select from backup_awareness.use_token(sha256(convert_to($1, 'UTF8')), 'here', $2)",
      [secret, now],
    );
    return rowCount === 1;
  };
  assert.deepEqual([await valid("2098-12-31T23:59:59.999Z"), await valid("2099-01-01T00:00:00Z")], [true, false]);
});

test("what cannot be a token is refused with the argument's name", async () => {
  for (const [token, words] of [
    [{ ...readToken, engine: "db1.example.com" }, /v_engine/],
    [{ ...readToken, kind: "report" }, /v_engine/],
    [{ ...readToken, name: "two\nlines" }, /v_name/],
    [{ ...readToken, expiresAt: new Date("2020-01-01") }, /v_expires_at.*not in the future/],
  ] as const) {
    await assert.rejects(createToken(pool, token, "test"), (error: unknown) => {
      assert.ok(error instanceof BackupAwarenessError);
      assert.equal(error.code, "TOKEN_INVALID");
      assert.match(error.message, words);
      return true;
    });
  }
  await assert.rejects(revokeToken(pool, 99_999, "test"), /there is no token 99999/);
});

test("a pattern covers what stands where its stars are, and nothing else", () => {
  const covered = [
    ["db1.example.com", "DB1.example.com"],
    ["*", "anything"],
    ["*.example.com", "a.b.example.com"],
    ["db*.example.*", "db.example.org"],
    ["a*b*c", "aXbXbXc"],
    ["a**c", "ac"],
  ];
  for (const [pattern = "", name = ""] of covered) assert.ok(coversEngine(pattern, name), `${pattern} ${name}`);
  const not = [
    ["db1.example.com", "db1.example.com.evil.org"],
    ["*.example.com", "example.com"],
    ["*.example.com", "x.exampleXcom"],
    ["a*a", "a"],
    ["a*b*b", "axb"],
    ["a*bc*cd", "abcd"],
    ["", "a"],
  ];
  for (const [pattern = "", name = ""] of not) assert.ok(!coversEngine(pattern, name), `${pattern} ${name}`);
});
