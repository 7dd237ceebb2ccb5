import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { scramVerifier, scramVerifierMatches } from "../../../src/database/embedded/scram.ts";
import { testServers } from "../../support/servers.ts";

test("a verifier fits its own password only", () => {
  const verifier = scramVerifier("one");
  assert.equal(scramVerifierMatches(verifier, "one"), true);
  assert.equal(scramVerifierMatches(verifier, "two"), false);
  for (const other of ["", "md5abc", "SCRAM-SHA-256$4096:c2FsdA==$x:y", "SCRAM-SHA-256$0:$:"])
    assert.equal(scramVerifierMatches(other, "one"), false);
});

for (const server of testServers) {
  test(`PostgreSQL ${server.major} takes it for the password, and makes the same`, async () => {
    const role = `scram_${process.pid}`;
    const superuser = new pg.Client({ connectionString: server.superuserUrl });
    await superuser.connect();
    try {
      await superuser.query(`create role ${role} login password '${scramVerifier("s3cret")}'`);
      const url = new URL(server.superuserUrl);
      url.username = role;
      url.password = "s3cret";
      const login = new pg.Client({ connectionString: url.href });
      await login.connect();
      await login.end();
      await superuser.query(`alter role ${role} password 'other'`);
      const { rows } = await superuser.query<{ rolpassword: string }>(
        "select rolpassword from pg_authid where rolname = $1",
        [role],
      );
      assert.equal(scramVerifierMatches(rows[0]?.rolpassword ?? "", "other"), true);
    } finally {
      await superuser.query(`drop role if exists ${role}`);
      await superuser.end();
    }
  });
}
