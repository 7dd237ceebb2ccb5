import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import pg from "pg";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { testServers } from "../support/servers.ts";

type Begun = { id: number | null; kind: string | null; of: string[]; try: number | null; incident: number | null };

/** The moment at which each test begins; all times of the procedures are handed in. */
const start = Date.parse("2026-11-23T10:00:00Z");
const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];

for (const server of testServers) {
  describe(`notifications on PostgreSQL ${server.major}`, () => {
    let database: MigratedDatabase;
    let pool: pg.Pool;
    let now = start;
    let jobs = 0;

    before(async () => {
      database = await createMigratedDatabase(server, { ownFqdn: "own.example.com" });
      pool = new pg.Pool({ connectionString: database.url, max: 4, options: "-c search_path=backup_awareness" });
    });
    after(async () => {
      await pool.end();
      await database.drop();
    });
    beforeEach(async () => {
      now = start;
      const client = await pool.connect();
      try {
        await client.query("set session_replication_role = replica"); // audit_log is append-only
        await client.query(
          `truncate channel, notification_rule, maintenance_window, notification, delivery, alert, engine, backup, engine_backup_log cascade;
           truncate graphile_worker._private_jobs; truncate audit_log;`,
        );
      } finally {
        client.release(true);
      }
    });

    const at = (offsetMs = 0): Date => new Date(now + offsetMs);
    const value = async <T>(sql: string, parameters: unknown[] = []): Promise<T> => {
      const { rows } = await pool.query<Record<string, T>>(sql, parameters);
      return Object.values(rows[0] ?? {})[0] as T;
    };
    const addChannel = async (name: string, grouping = "list"): Promise<number> =>
      Number(await value("select add_channel($1, 'webhook', '{}', null, $2, 'ann', $3)", [name, grouping, at()]));
    const addRule = async (
      channel: string,
      rule: { engines?: string[]; types?: string[]; severity?: number; remind?: number; after?: number } = {},
    ): Promise<number> =>
      Number(
        await value("select add_notification_rule($1, $2, $3, $4, $5, $6, 'ann', $7)", [
          channel,
          rule.engines ?? [],
          rule.types ?? [],
          rule.severity ?? 1,
          rule.remind ?? null,
          rule.after ?? null,
          at(),
        ]),
      );
    const report = (fqdn: string, scope: string, status: string): Promise<unknown> =>
      value("select record_report($1, $2, $3, 'said', $4, null, v_now => $2)", [scope, at(), status, fqdn]);
    const begin = async (channel: number, jobId = ++jobs): Promise<Begun> => {
      const { rows } = await pool.query<{
        delivery_id: string | null;
        kind: string | null;
        of: string[] | null;
        try: number | null;
        incident: string | null;
      }>(
        `select d.delivery_id, d.kind, d.try, d.incident,
                (select array_agg(n.fqdn order by n.fqdn) from notification n where n.id = any (d.notification_ids)) as of
         from begin_delivery($1, $2, $3) d`,
        [channel, jobId, at()],
      );
      const row = rows[0]!;
      const number = (text: string | null): number | null => (text === null ? null : Number(text));
      return {
        id: number(row.delivery_id),
        kind: row.kind,
        of: row.of ?? [],
        try: row.try,
        incident: number(row.incident),
      };
    };
    const finish = (id: number | null, outcome: string, answer = "250 ok", fault: string | null = null) =>
      value("select finish_delivery($1, $2, $3, interval '5 seconds', $4, $5)", [id, outcome, answer, fault, at()]);
    /** Sends all that can be sent now; each is accepted. */
    const sendAll = async (channel: number): Promise<Begun[]> => {
      const sent: Begun[] = [];
      for (;;) {
        const begun = await begin(channel);
        if (begun.id === null) return sent;
        await finish(begun.id, "accepted");
        sent.push(begun);
      }
    };
    const jobTimes = async (): Promise<number[]> => {
      const { rows } = await pool.query<{ run_at: Date }>(
        "select run_at from graphile_worker.jobs where task_identifier = 'send_notifications' order by run_at",
      );
      return rows.map(({ run_at }) => run_at.getTime() - start);
    };
    const states = async (): Promise<string[]> => {
      const { rows } = await pool.query<{ told: string }>(
        "select kind || ' ' || state as told from notification order by id",
      );
      return rows.map(({ told }) => told);
    };

    test("queues nothing, and no job, where nobody is to be told", async () => {
      await report("a.example.com", "db", "failed");
      await addChannel("ops");
      await report("a.example.com", "db", "failed");
      assert.deepEqual([await states(), await jobTimes()], [[], []]);
    });

    test("queues an alert and a failure in the transaction that raises it, and nothing if that is rolled back", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      const client = await pool.connect();
      await client.query("begin");
      await client.query("select record_report('db', $1, 'failed', '', 'a.example.com', null, v_now => $1)", [at()]);
      await client.query("rollback");
      client.release();
      assert.deepEqual([await states(), (await jobTimes()).length], [[], 0]);
      await report("a.example.com", "db", "failed");
      assert.deepEqual(await states(), ["raised queued", "event queued"]);
      assert.equal((await begin(ops)).kind, "raised");
    });

    test("tells only what a rule speaks of: engines, types, severity", async () => {
      const [prod, failures, all] = [await addChannel("prod"), await addChannel("failures"), await addChannel("all")];
      await addRule("prod", { engines: ["*.prod.example.com", "db?"] });
      await addRule("failures", { types: ["ENGINE_BACKUP_FAILED"], severity: 0 });
      await addRule("all", { severity: 0 });
      await report("x.prod.example.com", "db", "failed");
      await report("db_1", "db", "failed");
      await report("db1", "db", "completed");
      await report("prod.example.com", "db", "failed");
      const told = async (channel: number) =>
        (
          await pool.query<{ t: string }>(
            `select distinct n.fqdn || ' ' || l.log_type_name as t from notification n join audit_log l on l.id = n.event_id
           where n.channel_id = $1 and n.fqdn is not null order by 1`,
            [channel],
          )
        ).rows.map(({ t }) => t);
      assert.deepEqual(await told(prod), [
        "db1 ENGINE_NO_FULL_BACKUP",
        "x.prod.example.com ENGINE_BACKUP_FAILED",
        "x.prod.example.com ENGINE_NO_FULL_BACKUP",
      ]);
      assert.deepEqual(await told(failures), [
        "db_1 ENGINE_BACKUP_FAILED",
        "prod.example.com ENGINE_BACKUP_FAILED",
        "x.prod.example.com ENGINE_BACKUP_FAILED",
      ]);
      assert.equal((await told(all)).length, 4 * 3);
    });

    test("waits a moment for more, and tells a thousand engines that turn at once in one message", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await value("select count(add_engine('e' || i, 'ann', $1)) from generate_series(1, 1000) i", [at()]);
      assert.ok((await jobTimes()).every((time) => time === 5 * second));
      now += 5 * second;
      const [first, ...others] = await sendAll(ops);
      assert.deepEqual([first?.kind, first?.of.length, others], ["raised", 1000, []]);
    });

    test("holds a storm that goes on down to twenty messages a minute, and then tells the rest together", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      for (let i = 0; i < 30; i++) {
        await value("select add_engine($1, 'ann', $2)", [`e${i}`, at()]);
        await sendAll(ops);
        now += second;
      }
      assert.equal(await value("select count(*)::integer from delivery"), 20);
      now = start + minute;
      assert.equal((await sendAll(ops))[0]?.of.length, 10);
      assert.ok((await jobTimes()).includes(minute));
    });

    test("tells the end of an alert to who heard of its beginning, once, and to nobody else", async () => {
      const [ops, late] = [await addChannel("ops"), await addChannel("late")];
      await addRule("ops");
      await value("select add_engine('a', 'ann', $1)", [at()]);
      assert.equal((await sendAll(ops)).length, 1);
      await addRule("late", { severity: 0, types: ["ENGINE_BACKUP_COMPLETED"] });
      now += hour;
      await report("a", "db", "completed");
      await report("a", "files", "completed");
      assert.deepEqual(
        (await sendAll(ops)).map(({ kind, of }) => [kind, of]),
        [["cleared", ["a"]]],
      );
      assert.deepEqual(
        (await sendAll(late)).map(({ kind }) => kind),
        ["event"],
      );
      assert.deepEqual(await sendAll(ops), []);
    });

    test("begins no try of a cleared alert: it is withdrawn, and so is its clearing", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await value("select add_engine('a', 'ann', $1)", [at()]);
      await value("select remove_engine('a', 'ann', $1)", [at(second)]);
      now += 10 * second;
      assert.deepEqual(await sendAll(ops), []);
      assert.deepEqual(await states(), ["raised withdrawn", "cleared withdrawn"]);
    });

    test("begins no try of an alert that another transaction is about to clear, and looks again in a second", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await value("select add_engine('a', 'ann', $1)", [at()]);
      const client = await pool.connect();
      await client.query("begin");
      await client.query("select remove_engine('a', 'ann', $1)", [at()]);
      const begun = await begin(ops);
      await client.query("commit");
      client.release();
      assert.equal(begun.id, null);
      assert.ok((await jobTimes()).includes(second));
      assert.deepEqual(await sendAll(ops), []);
    });

    test("no report waits for a try that is being begun, and no try for a report's open transaction", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      const client = await pool.connect();
      await client.query("begin");
      await client.query("select record_report('db', $1, 'failed', '', 'slow', null, v_now => $1)", [at()]);
      await report("quick", "db", "failed");
      assert.deepEqual(
        (await sendAll(ops)).map(({ of }) => of),
        [["quick"], ["quick"]],
      );
      await client.query("commit");
      client.release();
      assert.deepEqual(
        (await sendAll(ops)).map(({ of }) => of),
        [["slow"], ["slow"]],
      );
    });

    test("tries again after growing pauses, tells it once when it is accepted, and gives up after a day", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await report("a", "db", "failed");
      const first = await begin(ops);
      await finish(first.id, "temporary", "451 later");
      assert.equal((await begin(ops)).id, null, "the channel is left alone for five seconds");
      now += 5 * second;
      const second_ = await begin(ops);
      assert.deepEqual([second_.kind, second_.try, second_.incident], ["raised", 2, first.id]);
      await finish(second_.id, "accepted");
      const event = await begin(ops);
      assert.deepEqual([event.kind, event.try], ["event", 1]);
      await finish(event.id, "temporary", "451 later");
      now += day;
      const last = await begin(ops);
      await finish(last.id, "temporary", "451 still");
      assert.deepEqual(await states(), ["raised accepted", "event failed"]);
      assert.match(
        await value("select message from audit_log where log_type_name = 'NOTIFICATION_LOST'"),
        /ops.*451 still/,
      );
    });

    test("a channel that refuses for good is an alert, which the others tell; when it delivers again, what is still open is told", async () => {
      const [broken, good] = [await addChannel("broken"), await addChannel("good")];
      await addRule("broken");
      await value("select add_engine('a', 'ann', $1)", [at()]);
      await finish((await begin(broken)).id, "permanent", "401 no");
      await addRule("good");
      now += 5 * second;
      const told = await sendAll(good);
      assert.deepEqual(
        told.map(({ kind, of }) => [kind, of]),
        [["raised", ["a", "own.example.com"]]],
      );
      assert.match(
        await value("select alert_message(type, fqdn, scope) from alert where type = 'CHANNEL_FAILING'"),
        /broken.*401 no/,
      );
      await value("select add_engine('b', 'ann', $1)", [at()]);
      const next = await begin(broken);
      assert.deepEqual(next.of, ["b"], "neither the failing of itself nor what was given up");
      await finish(next.id, "accepted");
      assert.deepEqual(
        (await sendAll(broken)).map(({ kind, of }) => [kind, of]),
        [["raised", ["a"]]],
      );
      now += 5 * second;
      assert.deepEqual((await sendAll(good)).map(({ kind, of }) => [kind, of]).at(-1), [
        "cleared",
        ["own.example.com"],
      ]);
    });

    test("a channel that fails for now is an alert after ten minutes, and one recipient's refusal is one at once", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await value("select add_engine('a', 'ann', $1)", [at()]);
      const openAlerts = () =>
        value<number>("select count(*)::integer from alert where type = 'CHANNEL_FAILING' and cleared_at is null");
      await finish((await begin(ops)).id, "temporary", "down");
      now += 9 * minute;
      await finish((await begin(ops)).id, "temporary", "down");
      assert.equal(await openAlerts(), 0);
      now += minute;
      await finish((await begin(ops)).id, "temporary", "down");
      assert.equal(await openAlerts(), 1);
      now += minute;
      await finish((await begin(ops)).id, "accepted", "250 ok", "x@example.com was refused");
      assert.equal(await openAlerts(), 1);
      assert.deepEqual(await states(), ["raised accepted"]);
    });

    test("a try that was cut off is told again by the same job, and its alert's end is told in any case", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await value("select add_engine('a', 'ann', $1)", [at()]);
      const job = 4711;
      const cut = await begin(ops, job);
      const again = await begin(ops, job);
      assert.deepEqual([again.of, again.try, again.incident], [["a"], 2, cut.id]);
      await value("select remove_engine('a', 'ann', $1)", [at()]);
      // Nobody works on that job either.
      assert.deepEqual(
        (await sendAll(ops)).map(({ kind }) => kind),
        ["cleared"],
      );
      assert.deepEqual(
        (await pool.query<{ outcome: string }>("select outcome from delivery order by id")).rows.map(
          ({ outcome }) => outcome,
        ),
        ["interrupted", "interrupted", "accepted"],
      );
    });

    test("an end is not told while the try of its beginning is under way", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await value("select add_engine('a', 'ann', $1)", [at()]);
      const job = await value<string>(
        "update graphile_worker._private_jobs set locked_at = now(), locked_by = 'me' returning id",
      );
      const begun = await begin(ops, Number(job));
      await value("select remove_engine('a', 'ann', $1)", [at()]);
      now += 5 * second;
      assert.equal((await begin(ops)).id, null);
      await finish(begun.id, "accepted");
      assert.deepEqual(
        (await sendAll(ops)).map(({ kind }) => kind),
        ["cleared"],
      );
    });

    test("reminds every so many hours while an alert is open and not dismissed", async () => {
      const ops = await addChannel("ops");
      await addRule("ops", { remind: 6 });
      await value("select add_engine('a', 'ann', $1)", [at()]);
      await sendAll(ops);
      now += 5 * hour;
      assert.deepEqual(await sendAll(ops), []);
      now += hour;
      assert.deepEqual(
        (await sendAll(ops)).map(({ kind }) => kind),
        ["reminder"],
      );
      assert.ok((await jobTimes()).includes(12 * hour));
      await value("select dismiss_alert((select max(id) from alert), 'ann', null, $1)", [at()]);
      now += 6 * hour;
      assert.deepEqual(await sendAll(ops), []);
      await value("select remove_engine('a', 'ann', $1)", [at()]);
      assert.deepEqual(
        (await sendAll(ops)).map(({ kind }) => kind),
        ["cleared"],
      );
    });

    test("escalates what is open after so many hours, and its end", async () => {
      const boss = await addChannel("boss");
      await addRule("boss", { after: 4 });
      await value("select add_engine('a', 'ann', $1)", [at()]);
      await value("select add_engine('b', 'ann', $1)", [at()]);
      assert.deepEqual(await sendAll(boss), []);
      await value("select remove_engine('a', 'ann', $1)", [at(hour)]);
      now += 4 * hour;
      assert.ok((await jobTimes()).includes(4 * hour));
      assert.deepEqual(
        (await sendAll(boss)).map(({ kind, of }) => [kind, of]),
        [["raised", ["b"]]],
      );
      await value("select remove_engine('b', 'ann', $1)", [at()]);
      now += 5 * second;
      assert.deepEqual(
        (await sendAll(boss)).map(({ kind, of }) => [kind, of]),
        [["cleared", ["b"]]],
      );
    });

    test("a new rule tells at once of alerts that are open and not dismissed", async () => {
      const ops = await addChannel("ops");
      await value("select add_engine(e, 'ann', $1) from unnest(array['a', 'b']) e", [at()]);
      await value("select dismiss_alert((select id from alert where fqdn = 'a'), 'ann', null, $1)", [at()]);
      await addRule("ops");
      assert.deepEqual(
        (await sendAll(ops)).map(({ kind, of }) => [kind, of]),
        [["raised", ["b"]]],
      );
    });

    test("waits for the end of a maintenance window, and tells then what is not over", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await value("select add_maintenance_window(array['*.lab'], $1, $2, null, null, null, null, 'disks', 'ann', $1)", [
        at(),
        at(2 * hour),
      ]);
      await value("select add_engine(e, 'ann', $1) from unnest(array['a.lab', 'b.lab', 'c']) e", [at()]);
      assert.deepEqual(
        (await sendAll(ops)).map(({ of }) => of),
        [["c"]],
      );
      assert.ok((await jobTimes()).includes(2 * hour));
      now += hour;
      await value("select remove_engine('b.lab', 'ann', $1)", [at()]);
      assert.deepEqual(await sendAll(ops), []);
      now += hour;
      assert.deepEqual(
        (await sendAll(ops)).map(({ of }) => of),
        [["a.lab"]],
      );
    });

    test("a maintenance window that is removed holds nothing any more", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      const window = await value(
        "select add_maintenance_window('{}', $1, $2, null, null, null, null, null, 'ann', $1)",
        [at(), at(2 * hour)],
      );
      await value("select add_engine('a', 'ann', $1)", [at()]);
      assert.deepEqual(await sendAll(ops), []);
      await value("select remove_maintenance_window($1, 'ann', $2)", [window, at()]);
      assert.deepEqual(
        (await sendAll(ops)).map(({ of }) => of),
        [["a"]],
      );
    });

    test("a weekly maintenance window follows its time zone through the change of the clocks", async () => {
      // Sundays from 01:00 for four hours in Berlin, whose clocks went back at 03:00 on 2026-10-25: the day had 25 hours.
      await value(
        "select add_maintenance_window('{}', null, null, array[7], '01:00', 240, 'Europe/Berlin', null, 'ann', $1)",
        [at()],
      );
      const until = async (time: string) =>
        (await value<Date | null>("select maintenance_until('a', $1)", [time]))?.toISOString() ?? null;
      assert.equal(await until("2026-10-24T22:59:59Z"), null);
      assert.equal(await until("2026-10-24T23:00:00Z"), "2026-10-25T03:00:00.000Z");
      assert.equal(await until("2026-10-25T02:59:59Z"), "2026-10-25T03:00:00.000Z");
      assert.equal(await until("2026-10-25T03:00:00Z"), null);
      assert.equal(await until("2026-11-01T00:30:00Z"), "2026-11-01T04:00:00.000Z");
      assert.equal(await until("2026-11-02T00:30:00Z"), null, "a Monday");
    });

    test("a window may begin on one day and end on the next", async () => {
      await value("select add_maintenance_window('{}', null, null, array[7], '22:00', 480, 'UTC', null, 'ann', $1)", [
        at(),
      ]);
      assert.equal(
        (await value<Date>("select maintenance_until('a', '2026-11-23T05:00:00Z')")).toISOString(),
        "2026-11-23T06:00:00.000Z",
      );
      assert.equal(await value("select maintenance_until('a', '2026-11-23T06:00:00Z')"), null);
    });

    test("a channel of single incidents tells each alert by itself, a storm as one, and ends what it began", async () => {
      const pager = await addChannel("pager", "single");
      await addRule("pager");
      await value("select add_engine(e, 'ann', $1) from unnest(array['a', 'b']) e", [at()]);
      const told = await sendAll(pager);
      assert.deepEqual(
        told.map(({ of }) => of),
        [["a"], ["b"]],
      );
      await value("select count(add_engine('s' || i, 'ann', $1)) from generate_series(1, 11) i", [at()]);
      const [storm, ...more] = await sendAll(pager);
      assert.deepEqual([storm?.of.length, more], [11, []]);
      await value("select remove_engine(e, 'ann', $1) from unnest(array['b', 's1']) e", [at()]);
      assert.deepEqual(
        (await sendAll(pager)).map(({ kind, of, incident }) => [kind, of, incident]),
        [["cleared", ["b"], told[1]?.incident]],
        "the storm's incident is not over yet",
      );
      await value("select remove_engine('s' || i, 'ann', $1) from generate_series(2, 11) i", [at()]);
      const ended = await sendAll(pager);
      assert.deepEqual(
        ended.map(({ kind, of, incident }) => [kind, of.length, incident]),
        [["cleared", 11, storm?.incident]],
      );
    });

    test("withdraws all that waits, and its jobs, for a database that was restored", async () => {
      const ops = await addChannel("ops");
      await addRule("ops");
      await report("a", "db", "failed");
      assert.equal(await value("select withdraw_notifications()"), 2);
      assert.deepEqual([await sendAll(ops), await jobTimes()], [[], []]);
    });

    test("refuses what cannot be meant, naming it", async () => {
      await addChannel("ops");
      await assert.rejects(addChannel("ops"), { code: "BA052" });
      await assert.rejects(addChannel("Ops"), { code: "22023", message: /v_name: "Ops"/ });
      await assert.rejects(addRule("nobody"), { code: "BA051" });
      await assert.rejects(addRule("ops", { engines: ["A b"] }), { code: "22023", message: /v_engines: "A b"/ });
      await assert.rejects(addRule("ops", { types: ["NO_SUCH"] }), { code: "22023", message: /NO_SUCH/ });
      await assert.rejects(addRule("ops", { remind: 0 }), { code: "22023" });
      await assert.rejects(value("select remove_notification_rule(99, 'ann')"), { code: "BA053" });
      await assert.rejects(value("select remove_maintenance_window(99, 'ann')"), { code: "BA054" });
      await assert.rejects(
        value("select add_maintenance_window('{}', null, null, array[1], '22:00', 60, 'Mars/Olympus', null, 'ann')"),
        { code: "22023", message: /Mars/ },
      );
    });
  });
}
