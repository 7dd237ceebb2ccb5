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
  return callCommand(backupAwarenessProgram, ["token", ...parameters], {
    variables: { BACKUP_AWARENESS_HOME: "/nonexistent", BACKUP_AWARENESS_DATABASE_URL: database.url },
  });
}

test("token create prints the token alone; list shows it without its secret until it is revoked", async () => {
  const made = await call("create", "nightly", "--kind", "report", "--engine", "*.example.com", "--expires", "90d");
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^ba_report_[\w-]{43}\n$/);
  const [listed] = JSON.parse((await call("list", "--json")).stdout) as {
    id: number;
    engine: string;
    expires_at: string;
  }[];
  assert.equal(listed?.engine, "*.example.com");
  const days = (Date.parse(listed.expires_at) - Date.now()) / 86_400_000;
  assert.ok(days > 89.9 && days <= 90);
  assert.ok(!(await call("list")).stdout.includes(made.stdout.trim()));
  assert.equal((await call("revoke", String(listed.id))).code, 0);
  assert.equal((await call("list")).stdout, "");
  assert.match((await call("list", "--all")).stdout, /revoked/);
});

test("token create refuses what cannot be", async () => {
  const unbound = await call("create", "x", "--kind", "report");
  assert.equal(unbound.code, 1);
  assert.match(unbound.stderr, /v_engine/);
  assert.equal((await call("create", "x", "--kind", "root")).code, 2);
  assert.equal((await call("create", "x", "--kind", "read", "--expires", "2020-01-01")).code, 2);
});
