import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findClosedDirectory, findServerUser, parsePasswd } from "../../../src/database/embedded/server-user.ts";

test("an ordinary user runs the server himself", async () => {
  assert.equal(await findServerUser(1000, "/nonexistent"), null);
  assert.equal(await findServerUser(null, "/nonexistent"), null);
});

test("root's server is run by a user that exists and is not root", async () => {
  const user = await findServerUser(0, "/nonexistent");
  assert.ok(user !== null && user.uid !== 0);
});

test("users are read from passwd, macOS' too; root, comments and broken lines are passed over", () => {
  const text =
    "# a comment\nroot:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\nnobody:*:-2:-2::/:/f\nbroken:x\n";
  assert.deepEqual(parsePasswd(text), [
    { name: "postgres", uid: 101, gid: 104 },
    { name: "nobody", uid: 4_294_967_294, gid: 4_294_967_294 },
  ]);
});

test("the directory that shuts a user out is found by owner, group and mode", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "closed-"));
  context.after(() => rm(directory, { recursive: true }));
  const inner = join(directory, "inner");
  await mkdir(inner);
  await chmod(inner, 0o700);
  const stranger = { name: "stranger", uid: 4242, gid: 4242 };
  const me = { name: "me", uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  assert.equal(await findClosedDirectory(inner, stranger), directory);
  await chmod(directory, 0o711);
  assert.equal(await findClosedDirectory(inner, stranger), inner);
  assert.equal(await findClosedDirectory(inner, me), null);
  await chmod(inner, 0o701);
  assert.equal(await findClosedDirectory(inner, stranger), null);
});
