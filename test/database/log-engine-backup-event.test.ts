import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import pg from "pg";
import { scopePattern } from "../../src/contract/scope.ts";
import { EngineBackupLogDao } from "../../src/database/engine-backup-log.ts";
import { recordLateReport, recordReport } from "../../src/database/record-report.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { testServers } from "../support/servers.ts";

type LogRow = {
  scope: string;
  done_at: Date;
  is_passed: boolean;
  output_message: string | null;
  fqdn: string;
  log_path: string | null;
};

const at = new Date("2026-03-01T12:00:00.000Z");

for (const server of testServers) {
  describe(`LogEngineBackupEvent on PostgreSQL ${server.major}`, () => {
    let database: MigratedDatabase;
    let pool: pg.Pool;

    before(async () => {
      database = await createMigratedDatabase(server, { ownFqdn: "Own.Example.com" });
      pool = new pg.Pool({ connectionString: database.url, max: 5 });
    });
    after(async () => {
      await pool.end();
      await database.drop();
    });
    beforeEach(async () => {
      await pool.query(`
        truncate engine_backup_log, backup, alert;
        delete from engine;
        select set_config('backup_awareness.retention', 'on', true);
        truncate audit_log`);
    });

    const report = (...values: readonly unknown[]) =>
      pool.query("select LogEngineBackupEvent($1, $2, $3, $4, $5, $6)", [...values]);
    const log = async () =>
      (await pool.query<LogRow>("select * from engine_backup_log order by done_at, scope, fqdn, is_passed")).rows;
    const events = async () =>
      (await pool.query<{ log_type_name: string }>("select log_type_name from audit_log order by id")).rows.map(
        (row) => row.log_type_name,
      );
    const openAlerts = async () =>
      (
        await pool.query<{ type: string; fqdn: string }>(
          "select type, fqdn from alert where cleared_at is null order by 2, 1",
        )
      ).rows;

    test("records a completed and a failed report as they were given", async () => {
      await report("db", at, 1, "all 'good'\n100 %s \\ 🙂", "a.example.com", "/var/log/x.log");
      await report("files", at, -1, null, "a.example.com", null);
      assert.deepEqual(await log(), [
        {
          scope: "db",
          done_at: at,
          is_passed: true,
          output_message: "all 'good'\n100 %s \\ 🙂",
          fqdn: "a.example.com",
          log_path: "/var/log/x.log",
        },
        { scope: "files", done_at: at, is_passed: false, output_message: null, fqdn: "a.example.com", log_path: null },
      ]);
    });

    test("keeps a started report out of the log, and in the events and the engine's state", async () => {
      await report("db", at, 0, "", "a.example.com", "");
      assert.deepEqual(await log(), []);
      assert.deepEqual(await events(), [
        "ENGINE_ADDED",
        "ENGINE_NO_FULL_BACKUP",
        "ENGINE_BACKUP_STARTED",
        "ENGINE_BACKUP_STALLED",
      ]);
      const { rows } = await pool.query<{ running_since: Date }>("select running_since from engine_scope");
      assert.deepEqual(rows[0]?.running_since, at);
    });

    test("records the same report once, in all three statuses, also after its events were removed", async () => {
      for (const status of [0, 1, -1, 0, 1, -1]) await report("db", at, status, "", "a.example.com", "");
      const logged = await events();
      await pool.query("select set_config('backup_awareness.retention', 'on', true); truncate audit_log");
      for (const status of [0, 1, -1]) await report("db", at, status, "another text", "A.example.COM", "");
      assert.equal((await log()).length, 2);
      assert.equal(logged.filter((name) => /STARTED|COMPLETED|FAILED/.test(name)).length, 3);
      assert.deepEqual(await events(), []);
    });

    test("takes reports of one scope from two engines at the same instant", async () => {
      await report("db", at, 1, "", "a.example.com", "");
      await report("db", at, 1, "", "b.example.com", "");
      assert.deepEqual(
        (await log()).map(({ fqdn }) => fqdn),
        ["a.example.com", "b.example.com"],
      );
    });

    test("takes an empty or null FQDN for this database's own engine, in lower case", async () => {
      await report("db", at, 1, "", "", "");
      await report("files", at, 1, "", null, "");
      assert.deepEqual(
        (await log()).map(({ fqdn }) => fqdn),
        ["own.example.com", "own.example.com"],
      );
    });

    for (const [argument, values] of Object.entries({
      v_status: [
        ["db", at, 7],
        ["db", at, -2],
        ["db", at, null],
      ],
      v_scope: [
        [null, at, 1],
        ["", at, 1],
        ["DB", at, 1],
        ["1db", at, 1],
        ["d b", at, 1],
        ["db\n", at, 1],
        ["d".repeat(65), at, 1],
        ["dä", at, 1],
      ],
      v_done_at: [
        ["db", null, 1],
        ["db", "infinity", 1],
        ["db", "-infinity", 1],
      ],
    })) {
      test(`refuses a wrong ${argument} with SQLSTATE 22023, naming it, and writes nothing`, async () => {
        for (const value of values) {
          await assert.rejects(report(...value, "", "a.example.com", ""), (error: pg.DatabaseError) => {
            assert.equal(error.code, "22023");
            assert.match(error.message, new RegExp(`^argument ${argument}: `));
            return true;
          });
        }
        assert.deepEqual([await log(), await events()], [[], []]);
      });
    }

    test("refuses an FQDN that is too long, blank or has control characters", async () => {
      for (const fqdn of ["x".repeat(256), "a\nb", "a\tb", "\u0001", "a\u007f", "a\u0085b", "   "]) {
        await assert.rejects(report("db", at, 1, "", fqdn, ""), { code: "22023", message: /^argument v_fqdn: / });
      }
      await report("db", at, 1, "", "x".repeat(255), "");
      assert.equal((await log()).length, 1);
    });

    test("records a well-formed scope that is not required, and leaves the state alone", async () => {
      await report("keycloak", at, 1, "", "a.example.com", "");
      assert.equal((await log()).length, 1);
      assert.deepEqual(await openAlerts(), [{ type: "ENGINE_NO_FULL_BACKUP", fqdn: "a.example.com" }]);
    });

    test("clears the warning of its own engine at the moment its cause goes, and no sooner", async () => {
      await report("db", new Date(), 1, "", "a.example.com", "");
      assert.deepEqual(await openAlerts(), [{ type: "ENGINE_NO_FULL_BACKUP", fqdn: "a.example.com" }]);
      await report("files", new Date(), -1, "", "a.example.com", "");
      assert.deepEqual(await openAlerts(), [{ type: "ENGINE_NO_FULL_BACKUP", fqdn: "a.example.com" }]);
      await report("files", new Date(), 1, "", "a.example.com", "");
      assert.deepEqual(await openAlerts(), []);
      assert.equal((await events()).at(-1), "ENGINE_FULL_BACKUP_AVAILABLE");
    });

    test("counts a report from a clock ahead from its receipt, and lets the right ones that follow count", async () => {
      const nextYear = new Date(Date.now() + 365 * 86_400_000);
      for (const scope of ["db", "files"]) await report(scope, nextYear, 1, "", "a.example.com", "");
      assert.deepEqual(
        (await log()).map((row) => row.done_at),
        [nextYear, nextYear],
      );
      const { rows } = await pool.query<{ state: string }>(
        "select state from engine_status(array['a.example.com'], now() + interval '25 hours')",
      );
      assert.equal(rows[0]?.state, "stale");
      const right = new Date();
      await report("db", right, 1, "", "a.example.com", "");
      assert.deepEqual((await new EngineBackupLogDao(pool).get("db", "a.example.com"))?.doneAt, right);
    });

    test("finds the last successful backup of an engine and of any, never a failed one", async () => {
      const dao = new EngineBackupLogDao(pool);
      assert.equal(await dao.get("db"), null);
      await report("db", at, 1, "first", "a.example.com", "/a.log");
      await report("db", new Date(at.getTime() + 1000), 1, "second", "b.example.com", "/b.log");
      await report("db", new Date(at.getTime() + 2000), -1, "third", "a.example.com", "/a.log");
      assert.deepEqual(await dao.get("db"), {
        scope: "db",
        doneAt: new Date(at.getTime() + 1000),
        isPassed: true,
        outputMessage: "second",
        fqdn: "b.example.com",
        logPath: "/b.log",
      });
      assert.equal((await dao.get("db", "A.Example.com"))?.outputMessage, "first");
      assert.equal(await dao.get("db", "c.example.com"), null);
      assert.equal(await dao.get("files"), null);
    });

    test("is all that backup_reporter may do", async () => {
      const client = await pool.connect();
      try {
        await client.query("set role backup_reporter");
        await client.query("select LogEngineBackupEvent('db', now(), 1, '', 'a.example.com', '')");
        for (const refused of [
          "select * from engine_backup_log",
          "select * from audit_log",
          "delete from engine",
          "select * from GetLastSuccessfulEngineBackup('db')",
          "select run_check()",
          "select set_option('BackupAlertPeriodInDays', '9', 'me')",
          "select remove_engine('a.example.com', 'me')",
          "select record_report('db', now(), 'completed', '', '', '')",
          "select policy()",
          "select * from engine_status(null)",
          "insert into engine_backup_log values ('db', now(), true, '', 'a', '')",
          "create table backup_awareness.x ()",
        ]) {
          await assert.rejects(client.query(refused), { code: "42501" }, refused);
        }
      } finally {
        await client.query("reset role");
        client.release();
      }
      assert.equal((await log()).length, 1);
    });

    test("lets the daemon's role read and call, not write", async () => {
      const client = await pool.connect();
      try {
        await client.query("set role backup_awareness");
        await client.query("select * from audit_log");
        for (const refused of [
          "delete from audit_log",
          "update engine_backup_log set is_passed = true",
          "insert into alert (fqdn, type, raised_at) values ('', '', now())",
          "drop table engine",
          "select remove_events_old_at(now() + interval '500 years', 1)",
          "create function graphile_worker.add_job(text) returns void language sql as 'select'",
          "alter function graphile_worker.remove_job(text) rename to kept",
          "delete from graphile_worker.migrations",
        ]) {
          await assert.rejects(client.query(refused), { code: "42501" }, refused);
        }
      } finally {
        await client.query("reset role");
        client.release();
      }
    });

    test("keeps the audit log append-only even for a superuser", async () => {
      await report("db", at, 1, "", "a.example.com", "");
      for (const refused of ["delete from audit_log", "update audit_log set message = ''", "truncate audit_log"]) {
        await assert.rejects(pool.query(refused), { message: "audit_log is append-only" }, refused);
      }
    });

    test("removes events older than the retention, but never those of an open alert", async () => {
      await report("db", at, 1, "", "a.example.com", "");
      const { rows } = await pool.query<{ removed: number }>(
        "select remove_events_old_at(now() + interval '500 days', 10) as removed",
      );
      assert.equal(rows[0]?.removed, 2);
      assert.deepEqual(await events(), ["ENGINE_NO_FULL_BACKUP"]);
    });

    test("is held up by a report's open transaction only for the same engine; the check is not", async () => {
      const [open, other] = [await pool.connect(), await pool.connect()];
      try {
        await report("db", new Date(), 1, "", "a.example.com", "");
        await report("db", new Date(), 1, "", "b.example.com", "");
        await open.query("begin");
        await open.query("select LogEngineBackupEvent('files', now(), 1, '', 'a.example.com', '')");
        await other.query("set statement_timeout = '5s'");
        await other.query("select LogEngineBackupEvent('files', now(), 1, '', 'b.example.com', '')");
        await other.query("select run_check(now() + interval '2 days')");
        const { rows } = await other.query<{ state: string; skipped: number }>(
          "select noted_state as state, check_skipped_engines as skipped from engine, installation where fqdn = 'b.example.com'",
        );
        assert.deepEqual(rows, [{ state: "stale", skipped: 0 }]);
        await open.query("commit");
        assert.deepEqual(await openAlerts(), [{ type: "ENGINE_NO_WARM_BACKUP", fqdn: "b.example.com" }]);
      } finally {
        for (const client of [open, other]) client.release(true);
      }
    });

    test("leaves out of the check an engine that an open report holds, and says so", async () => {
      const open = await pool.connect();
      try {
        for (const scope of ["db", "files"]) await report(scope, new Date(), 1, "", "a.example.com", "");
        await open.query("begin");
        await open.query("select LogEngineBackupEvent('db', now(), -1, '', 'a.example.com', '')");
        await pool.query("select run_check(now() + interval '2 days')");
        const { rows } = await pool.query<{ skipped: number }>(
          "select check_skipped_engines as skipped from installation",
        );
        assert.equal(rows[0]?.skipped, 1);
        const { rows: queued } = await pool.query<{ seconds: number }>(
          `select extract(epoch from run_at - now() - interval '2 days')::float as seconds from graphile_worker.jobs where key = 'check'`,
        );
        assert.ok((queued[0]?.seconds ?? Infinity) < 60, "the next check is soon, whoever ran this one");
        await open.query("rollback");
        await pool.query("select run_check(now() + interval '2 days')");
        assert.deepEqual(await openAlerts(), [{ type: "ENGINE_NO_WARM_BACKUP", fqdn: "a.example.com" }]);
      } finally {
        open.release(true);
      }
    });

    for (const isolation of ["repeatable read", "serializable"]) {
      test(`decides nothing by what a ${isolation} transaction saw before others changed it`, async () => {
        const old = await pool.connect();
        try {
          const refusedAfter = async (change: string, ...values: readonly unknown[]) => {
            await old.query(`begin isolation level ${isolation}`);
            await old.query("select from option");
            await pool.query(change);
            await assert.rejects(
              old.query("select LogEngineBackupEvent($1, now(), 1, '', 'a.example.com', '')", [...values]),
              {
                code: "40001",
              },
            );
            await old.query("rollback");
          };
          await pool.query("select add_engine('a.example.com', 'test')");
          await refusedAfter("select set_option('BackupFullScopes', '[\"db\"]', 'test')", "db");
          await pool.query("select set_option('BackupFullScopes', null, 'test')");
          // The first report of a scope, and one of a scope that is known.
          await refusedAfter("select LogEngineBackupEvent('files', now(), 1, '', 'a.example.com', '')", "db");
          await refusedAfter("select LogEngineBackupEvent('files', now(), 1, '', 'a.example.com', '')", "db");
          await old.query(`begin isolation level ${isolation}`);
          await old.query("select LogEngineBackupEvent('db', now(), 1, '', 'a.example.com', '')");
          await assert.rejects(old.query("select set_option('BackupAlertPeriodInDays', '2', 'test')"), {
            code: "25001",
          });
          await old.query("rollback");
          await old.query(`begin isolation level ${isolation}`);
          await old.query("select LogEngineBackupEvent('db', now(), 1, '', 'a.example.com', '')");
          await old.query("commit");
          assert.deepEqual(await openAlerts(), []);
        } finally {
          old.release(true);
        }
      });
    }

    test("says of each alert that an engine's removal clears that it is cleared", async () => {
      await report("db", at, 0, "", "a.example.com", "");
      await pool.query("select remove_engine('a.example.com', 'test')");
      assert.deepEqual((await events()).slice(-3), ["ENGINE_ALERT_CLEARED", "ENGINE_ALERT_CLEARED", "ENGINE_REMOVED"]);
      assert.deepEqual(await openAlerts(), []);
    });

    test("lets an option wait for an open report without holding up other engines' reports", async () => {
      const [open, setting] = [await pool.connect(), await pool.connect()];
      try {
        await open.query("begin");
        await open.query("select LogEngineBackupEvent('db', now(), 1, '', 'a.example.com', '')");
        const set = setting.query("select set_option('BackupAlertPeriodInDays', '2', 'test')");
        const began = process.hrtime.bigint();
        for (let i = 0; i < 20; i++) await report("db", new Date(at.getTime() + i), 1, "", "b.example.com", "");
        assert.ok(process.hrtime.bigint() - began < 10_000_000_000n, "twenty reports waited for an option");
        await open.query("commit");
        await set;
        await pool.query("select set_option('BackupAlertPeriodInDays', null, 'test')");
      } finally {
        for (const client of [open, setting]) client.release(true);
      }
    });

    test("never deadlocks with checks, options and engines' changes under way", async () => {
      const names = ["a", "b", "c"].map((name) => `${name}.example.com`);
      /** The engine, or the alert, may have gone in the meantime. */
      const ifThere = (query: string, values: readonly unknown[]) =>
        pool.query(query, [...values]).catch((error: unknown) => {
          if (!(error instanceof pg.DatabaseError && /^BA00[12]$/.test(error.code ?? ""))) throw error;
        });
      const work = [
        ...Array.from(
          { length: 60 },
          (_, i) => () => report(i % 2 === 0 ? "db" : "files", new Date(), [1, 0, -1][i % 3], "", names[i % 3], ""),
        ),
        ...Array.from(
          { length: 20 },
          (_, i) => () => pool.query("select run_check(now() + make_interval(days => $1))", [i % 3]),
        ),
        ...Array.from(
          { length: 6 },
          (_, i) => () =>
            pool.query("select set_option('BackupFullScopes', $1, 'test')", [
              i % 2 === 0 ? '["db"]' : '["db","files"]',
            ]),
        ),
        ...Array.from({ length: 10 }, (_, i) => () => pool.query("select add_engine($1, 'test')", [names[i % 3]])),
        ...Array.from(
          { length: 10 },
          (_, i) => () =>
            ifThere("select set_required_scopes($1, $2, $3, 'test')", [names[i % 3], ["db"], [i % 2 === 0 ? 2 : null]]),
        ),
        ...Array.from({ length: 60 }, (_, i) => () => ifThere("select remove_engine($1, 'test')", [names[i % 3]])),
        ...Array.from(
          { length: 10 },
          () => () =>
            ifThere("select dismiss_alert(coalesce(max(id), 0), 'test') from alert where cleared_at is null", []),
        ),
      ];
      await Promise.all(work.toSorted(() => Math.random() - 0.5).map((run) => run()));
      await pool.query("select set_option('BackupFullScopes', null, 'test')");
    });

    test("the database and the program agree on what a scope is", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.string({ unit: "binary", maxLength: 70 }), fc.stringMatching(/^[a-z][a-z0-9_-]{0,70}\n?$/)),
          async (scope) => {
            if (scope.includes("\0")) return;
            const accepted = await pool.query("select check_scope('v_scope', $1)", [scope]).then(
              () => true,
              () => false,
            );
            assert.equal(accepted, scopePattern.test(scope));
          },
        ),
        { numRuns: 200 },
      );
    });

    test("stores any text faithfully, or refuses it clearly, and nothing of it is ever run", async () => {
      const hostile = fc.oneof(
        fc.string({ unit: "binary" }),
        fc.constantFrom(
          "'; drop table engine; --",
          "$$",
          "\\'; select 1",
          "%s%n%1$s",
          "🙂".repeat(1000),
          "\ud800",
          "a\0b",
          "\r\n",
          "null",
          "",
        ),
      );
      const time = fc.oneof(
        fc.date({
          min: new Date("-004700-01-01T00:00:00Z"),
          max: new Date("+200000-01-01T00:00:00Z"),
          noInvalidDate: true,
        }),
        fc.constantFrom(new Date(0), new Date("0001-01-01T00:00:00Z"), new Date("-000044-03-15T00:00:00Z")),
      );
      await fc.assert(
        fc.asyncProperty(hostile, hostile, hostile, time, async (message, fqdn, logPath, doneAt) => {
          const given = { scope: "db", doneAt, status: "completed", outputMessage: message, fqdn, logPath } as const;
          let isNew: boolean;
          try {
            isNew = await recordReport(pool, given);
          } catch (error) {
            assert.equal((error as { code?: unknown }).code, "REPORT_INVALID");
            return;
          }
          const { rows } = await pool.query<LogRow>(
            "select * from engine_backup_log where done_at = $1 and fqdn = lower($2)",
            [doneAt, fqdn === "" ? "own.example.com" : fqdn],
          );
          const faithful = (text: string) => text.replaceAll("\0", "\u{FFFD}").toWellFormed();
          assert.equal(rows.length, 1);
          if (isNew)
            assert.deepEqual([rows[0]?.output_message, rows[0]?.log_path], [faithful(message), faithful(logPath)]);
        }),
        { numRuns: 150 },
      );
    });

    test("makes an event of a late report that is refused, and of nothing else", async () => {
      const refused = {
        scope: "Not a scope",
        doneAt: at,
        status: "completed",
        outputMessage: "",
        fqdn: "a\nb",
        logPath: null,
      } as const;
      await assert.rejects(recordLateReport(pool, refused), { code: "REPORT_INVALID" });
      const { rows } = await pool.query<{ type: string; message: string }>(
        "select log_type_name as type, message from audit_log",
      );
      assert.deepEqual(
        rows.map(({ type }) => type),
        ["REPORT_REFUSED"],
      );
      assert.match(
        rows[0]?.message ?? "",
        /^A report was refused: scope "Not a scope", engine "a\\nb", "completed" at "2026-03-01T12:00:00.000Z": argument v_scope: /,
      );
    });

    test("stores a message of ten million characters, and shortens it only in the events", async () => {
      const message = "x".repeat(10_000_000);
      await recordReport(pool, {
        scope: "db",
        doneAt: at,
        status: "failed",
        outputMessage: message,
        fqdn: "a.example.com",
        logPath: null,
      });
      assert.equal((await log())[0]?.output_message, message);
      const { rows } = await pool.query<{ length: number }>(
        "select max(length(message))::integer as length from audit_log",
      );
      assert.ok((rows[0]?.length ?? Infinity) < 3_000);
    });
  });
}
