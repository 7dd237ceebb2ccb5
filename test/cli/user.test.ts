import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { backupAwarenessProgram } from "../../src/cli/program.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { callCommand, type Outcome } from "../support/run-command.ts";
import { testServers } from "../support/servers.ts";

let database: MigratedDatabase;
before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "host.example.com" });
});
after(() => database.drop());

function call(...parameters: string[]): Promise<Outcome> {
  return callCommand(backupAwarenessProgram, ["user", ...parameters], {
    variables: { BACKUP_AWARENESS_HOME: "/nonexistent", BACKUP_AWARENESS_DATABASE_URL: database.url },
  });
}

test("user add prints a link; list shows the user, with his role, enabled or not", async () => {
  const added = await call("add", "ann", "--role", "admin");
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, /^http:\/\/127\.0\.0\.1:8480\/set-password#[\w-]{43}\n$/);
  await call("add", "bob", "--role", "viewer");
  assert.equal((await call("role", "bob", "operator")).code, 0);
  assert.equal((await call("disable", "bob")).code, 0);
  const users = JSON.parse((await call("list", "--json")).stdout) as {
    name: string;
    role: string;
    is_disabled: boolean;
  }[];
  assert.deepEqual(
    users.map(({ name, role, is_disabled }) => [name, role, is_disabled]),
    [
      ["ann", "admin", false],
      ["bob", "operator", true],
    ],
  );
  assert.match((await call("list")).stdout, /bob {2}operator {2}disabled/);
  assert.match((await call("password", "ann")).stdout, /set-password#/);
});

test("what cannot be is refused", async () => {
  assert.match((await call("add", "Not A Name", "--role", "viewer")).stderr, /v_name/);
  assert.match((await call("add", "ann", "--role", "viewer")).stderr, /is taken/);
  assert.match((await call("disable", "ann")).stderr, /last admin/);
  assert.match((await call("password", "nobody")).stderr, /there is no user/);
  assert.equal((await call("role", "ann", "root")).code, 2);
});
