import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  databaseUrlWithoutPassword,
  faultOfDatabaseUrl,
  parseDatabaseUrl,
  redactDatabaseUrl,
} from "../../src/settings/database-url.ts";

// "." and ".." as a path mean a directory to every reader of URLs.
const text = fc
  .string({ unit: "grapheme", minLength: 1 })
  .filter((value) => !value.includes("\0") && !/^\.\.?$/.test(value));

test("a URL's parts are read as they were written, and its password is gone from what children are given", () => {
  fc.assert(
    fc.property(text, text, text, fc.integer({ min: 1, max: 65535 }), (user, password, database, port) => {
      const url = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@db.example.com:${port}/${encodeURIComponent(database)}`;
      assert.equal(faultOfDatabaseUrl(url), null);
      const parts = parseDatabaseUrl(url);
      assert.deepEqual(parts, { user, password, host: "db.example.com", port, database, passfile: null });
      assert.deepEqual(parseDatabaseUrl(databaseUrlWithoutPassword(url)), { ...parts, password: null });
    }),
  );
});

test("parameters stay, the password among them does not", () => {
  assert.equal(
    databaseUrlWithoutPassword("postgres://h/db?sslmode=require&password=x&passfile=%2Fa+b&sslpassword=y"),
    "postgres://h/db?sslmode=require&passfile=%2Fa%20b",
  );
});

test("a socket's directory and a user without a host stay as they are", () => {
  assert.equal(
    databaseUrlWithoutPassword("postgres://u:p@/db?host=/run/postgresql"),
    "postgres://u@/db?host=%2Frun%2Fpostgresql",
  );
  assert.equal(
    databaseUrlWithoutPassword("postgres://u:p@%2Frun%2Fpostgresql/db"),
    "postgres://u@%2Frun%2Fpostgresql/db",
  );
  assert.equal(parseDatabaseUrl("postgres://u@%2Frun%2Fpostgresql/db").host, "/run/postgresql");
});

test("what is shown of a URL, well-formed or not, holds no password", () => {
  const pieces = fc.constantFrom(
    "s3cret",
    "s3/cret",
    "s3@cret",
    "s3#cret",
    "s3?cret",
    "s3 cret",
    "s3:cret",
    "s3%zzcret",
  );
  fc.assert(
    fc.property(pieces, fc.constantFrom("@h/db", "@h:5432/db", "@", "@:/", "@h,i/db"), (password, rest) => {
      assert.doesNotMatch(redactDatabaseUrl(`postgres://u:${password}${rest}`), /s3|cret/);
    }),
  );
  for (const shown of [
    "host=h password=s3cret",
    "host=h password = 's3 cret'",
    "postgres://h/db?password=s3cret",
    "postgres://u:s3cret",
    "postgres://u:s3cret/db",
  ]) {
    assert.doesNotMatch(redactDatabaseUrl(shown), /s3|cret/);
  }
  assert.equal(redactDatabaseUrl("postgres://h:99999/db"), "postgres://h:99999/db");
});
