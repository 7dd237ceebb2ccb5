import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { pino } from "pino";
import { freeDeadJobs } from "../../src/awareness/free-dead-jobs.ts";
import { holdWorkerLock } from "../../src/database/job-queue.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { testServers } from "../support/servers.ts";
import { waitUntil } from "../support/wait-until.ts";

const logger = pino({ level: "silent" });
let database: MigratedDatabase;
let pool: pg.Pool;

before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "host.example.com" });
  pool = new pg.Pool({ connectionString: database.url, max: 3 });
});

after(async () => {
  await pool.end();
  await database.drop();
});

async function queueLockedJob(workerId: string, identifier = "notify"): Promise<string> {
  const { rows } = await pool.query<{ id: string }>("select (graphile_worker.add_job($1)).id", [identifier]);
  const id = rows[0]!.id;
  await pool.query(
    "update graphile_worker._private_jobs set locked_by = $1, locked_at = now(), attempts = 1 where id = $2",
    [workerId, id],
  );
  return id;
}

async function lockerOf(id: string): Promise<string | null | undefined> {
  const { rows } = await pool.query<{ locked_by: string | null }>(
    "select locked_by from graphile_worker.jobs where id = $1",
    [id],
  );
  return rows[0]?.locked_by;
}

/** Counts the looks that have been answered. */
function countingLooks(): { readonly pool: pg.Pool; readonly looks: () => number } {
  let looks = 0;
  const query = async (text: string, values: unknown[]): Promise<unknown> => {
    const answer = await pool.query(text, values);
    looks++;
    return answer;
  };
  return { pool: { query } as unknown as pg.Pool, looks: () => looks };
}

test("gives back the jobs of a daemon that was killed, and leaves those of one that lives", async () => {
  const [dead, alive] = [await queueLockedJob("pool-dead"), await queueLockedJob("pool-alive")];
  const presence = await pool.connect();
  const stop = new AbortController();
  try {
    await holdWorkerLock(presence, "pool-alive");
    const freeing = freeDeadJobs({ pool, logger, secondLookMs: 1, lookPeriodMs: 10, signal: stop.signal });
    await waitUntil("the dead daemon's job is free", async () => (await lockerOf(dead)) === null);
    stop.abort();
    await freeing;
    assert.equal(await lockerOf(alive), "pool-alive");
  } finally {
    stop.abort();
    presence.release(true);
  }
});

test("a daemon whose connection was cut for a moment keeps its jobs", async () => {
  const job = await queueLockedJob("pool-cut");
  const counted = countingLooks();
  const stop = new AbortController();
  const freeing = freeDeadJobs({
    pool: counted.pool,
    logger,
    secondLookMs: 300,
    lookPeriodMs: 10,
    signal: stop.signal,
  });
  await waitUntil("the first look", () => counted.looks() >= 1);
  const presence = await pool.connect();
  try {
    await holdWorkerLock(presence, "pool-cut");
    await waitUntil("further looks", () => counted.looks() >= 4);
    stop.abort();
    await freeing;
    assert.equal(await lockerOf(job), "pool-cut");
  } finally {
    stop.abort();
    presence.release(true);
  }
});

test("a check that was cut off after it had queued the next one is not kept for ever", async () => {
  const job = await queueLockedJob("pool-dead-check", "check");
  // What add_job does to the running job of the same key.
  await pool.query("update graphile_worker._private_jobs set key = null, attempts = max_attempts where id = $1", [job]);
  const stop = new AbortController();
  const freeing = freeDeadJobs({ pool, logger, secondLookMs: 1, lookPeriodMs: 10, signal: stop.signal });
  try {
    await waitUntil("the spent job is gone", async () => (await lockerOf(job)) === undefined);
  } finally {
    stop.abort();
    await freeing;
  }
});
