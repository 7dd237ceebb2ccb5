import type { ClientBase, Pool } from "pg";
import { callProcedure } from "./procedure-errors.ts";

/** The key of the one queued check: whoever queues another replaces it. */
const checkJobKey = "check";
const retentionJobKey = "remove_old_events";

/**
 * Queues a check `delaySeconds` from now in place of the one that was queued; it queues the next itself. Nothing while the
 * feature is disabled. Calling twice is safe.
 */
export async function queueCheck(pool: Pool, delaySeconds = 0): Promise<void> {
  await callProcedure("INTERNAL", () =>
    pool.query(
      `select graphile_worker.add_job('check', run_at => now() + make_interval(secs => $1), job_key => $2, max_attempts => 1000)
       from backup_awareness.policy() where is_enabled`,
      [delaySeconds, checkJobKey],
    ),
  );
}

/** Queues the removal of old events; one that is queued already keeps its time. */
export async function queueRetention(pool: Pool): Promise<void> {
  await callProcedure("INTERNAL", () =>
    pool.query(
      "select graphile_worker.add_job('remove_old_events', job_key => $1, job_key_mode => 'preserve_run_at', max_attempts => 1000)",
      [retentionJobKey],
    ),
  );
}

/** Queues the next removal of old events for tomorrow: called by the one that is done. */
export async function queueNextRetention(pool: Pool): Promise<void> {
  await callProcedure("INTERNAL", () =>
    pool.query(
      "select graphile_worker.add_job('remove_old_events', run_at => now() + interval '1 day', job_key => $1, max_attempts => 1000)",
      [retentionJobKey],
    ),
  );
}

/**
 * Says that the worker with this id lives as long as this session does. The same session may say so twice; the session's end, whatever
 * its cause, takes it back. The lock is a shared one, so that nobody waits for a former session of the same daemon that the server has not yet
 * found to be cut.
 */
export async function holdWorkerLock(client: ClientBase, workerId: string): Promise<void> {
  await callProcedure("INTERNAL", () =>
    client.query(`select pg_advisory_lock_shared(${lockKeyOf("$1::text")})`, [workerId]),
  );
}

/** The ids of the workers that hold jobs and of which no session says that they live. */
export async function findDeadWorkers(pool: Pool): Promise<readonly string[]> {
  return callProcedure("INTERNAL", async () => {
    const { rows } = await pool.query<{ id: string }>(
      `select distinct j.locked_by as id
       from graphile_worker.jobs j
       where j.locked_by is not null
         and not exists (
           select from pg_catalog.pg_locks l
           where l.locktype = 'advisory' and l.granted and l.objsubid = 1
             and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
             and ((l.classid::bigint << 32) | l.objid::bigint) = ${lockKeyOf("j.locked_by")})`,
    );
    return rows.map(({ id }) => id);
  });
}

/**
 * Gives the jobs of dead workers back to the queue. A check that was cut off after it had queued the next one is done, and is
 * removed: its key is gone and its attempts are spent, so that nobody would ever take it again.
 */
export async function freeJobsOf(pool: Pool, workerIds: readonly string[]): Promise<void> {
  await callProcedure("INTERNAL", async () => {
    await pool.query("select graphile_worker.force_unlock_workers($1::text[])", [workerIds]);
    await pool.query(
      `select graphile_worker.complete_jobs(array(
         select id from graphile_worker.jobs
         where locked_by is null and key is null and attempts >= max_attempts and task_identifier in ('check', 'remove_old_events')))`,
    );
  });
}

/** One advisory lock for each worker; the key is the same in every session of this database. */
function lockKeyOf(workerId: string): string {
  return `pg_catalog.hashtextextended('backup_awareness.worker:' || ${workerId}, 0)`;
}
