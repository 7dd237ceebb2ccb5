import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import pg from "pg";
import { EventTail } from "../../src/database/event-tail.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { testServers } from "../support/servers.ts";

let database: MigratedDatabase;
let pool: pg.Pool;
let slow: pg.Client;

before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "host.example.com" });
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  slow = new pg.Client({ connectionString: database.url });
  await slow.connect();
});

after(async () => {
  await slow.end();
  await pool.end();
  await database.drop();
});

beforeEach(async () => {
  await slow.query("rollback");
});

async function log(client: pg.Pool | pg.Client, message: string): Promise<void> {
  await client.query("select backup_awareness.log_event('OPTION_CHANGED', $1, clock_timestamp())", [message]);
}

async function next(tail: EventTail): Promise<string[]> {
  return (await tail.next()).map(({ message }) => message);
}

test("returns each event once, in order", async () => {
  await log(pool, "before");
  const tail = new EventTail(pool, {});
  assert.equal((await tail.begin(1))[0]?.message, "before");
  assert.deepEqual(await next(tail), []);
  await log(pool, "one");
  await log(pool, "two");
  assert.deepEqual(await next(tail), ["one", "two"]);
  assert.deepEqual(await next(tail), []);
});

test("returns an event that was committed after later ones, however long that took", async () => {
  const tail = new EventTail(pool, {});
  await tail.begin(1);
  await slow.query("begin");
  await log(slow, "slow");
  for (let n = 0; n < 5; n++) {
    await log(pool, `quick ${n}`);
    assert.deepEqual(await next(tail), [`quick ${n}`]);
  }
  await slow.query("commit");
  assert.deepEqual(await next(tail), ["slow"]);
  assert.deepEqual(await next(tail), []);
});

test("returns an event whose transaction was open when the tail began", async () => {
  await slow.query("begin");
  await log(slow, "open");
  await log(pool, "committed");
  const tail = new EventTail(pool, {});
  assert.equal((await tail.begin(1))[0]?.message, "committed");
  await slow.query("commit");
  assert.deepEqual(await next(tail), ["open"]);
});

test("returns only what passes the filter, also of what came late", async () => {
  const tail = new EventTail(pool, { text: "wanted" });
  await tail.begin(10);
  await slow.query("begin");
  await log(slow, "late and wanted");
  await log(slow, "late");
  await log(pool, "quick");
  assert.deepEqual(await next(tail), []);
  await slow.query("commit");
  assert.deepEqual(await next(tail), ["late and wanted"]);
});

test("gives up a number whose transaction was rolled back, and goes on", async () => {
  const tail = new EventTail(pool, {});
  await tail.begin(1);
  await slow.query("begin");
  await log(slow, "never");
  await slow.query("rollback");
  await log(pool, "next");
  assert.deepEqual(await next(tail), ["next"]);
  assert.deepEqual(await next(tail), []);
});
