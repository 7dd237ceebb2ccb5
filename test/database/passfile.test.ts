import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPassfileLine, passwordFromPassfile } from "../../src/database/passfile.ts";

const wanted = { host: "db.example.com", port: 5432, database: "records", user: "ann" };

test("the first line that fits counts, comments and broken lines are passed over", () => {
  const text =
    "# db.example.com:5432:records:ann:no\nbroken\n\ndb.example.com:5433:*:*:no\n*:*:records:ann:yes\r\n*:*:*:*:no\n";
  assert.equal(passwordFromPassfile(text, wanted), "yes");
});

test("no line that fits is no password", () => {
  assert.equal(passwordFromPassfile("*:*:*:bob:x\n", wanted), null);
  assert.equal(passwordFromPassfile("", wanted), null);
});

test("a Unix socket is found under localhost", () => {
  assert.equal(passwordFromPassfile("localhost:*:*:*:x\n", { ...wanted, host: "/run/postgresql" }), "x");
});

test("what is written is read back, colons and backslashes too", () => {
  const text = fc
    .string({ unit: "grapheme", minLength: 1 })
    .filter((value) => !/[\r\n\0]/.test(value) && !value.startsWith("#") && !value.startsWith("/") && value !== "*");
  fc.assert(
    fc.property(text, text, text, text, fc.integer({ min: 1, max: 65535 }), (host, database, user, password, port) => {
      const line = formatPassfileLine({ host, port: String(port), database, user, password });
      assert.equal(passwordFromPassfile(line, { host, port, database, user }), password);
      assert.equal(passwordFromPassfile(line, { host, port, database, user: `${user}x` }), null);
    }),
  );
});
