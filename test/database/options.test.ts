import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import pg from "pg";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { optionDefinitions, type OptionValue } from "../../src/contract/option.ts";
import { scopePattern } from "../../src/contract/scope.ts";
import { readOptions, setOption } from "../../src/database/options.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { testServers } from "../support/servers.ts";

/** Length as PostgreSQL counts it. */
function codePoints(text: string): number {
  return Array.from(text).length;
}

/** The rule of each type, said once more and plainly. */
function isAllowed(definition: (typeof optionDefinitions)[number], value: unknown): boolean {
  if (definition.type === "integer") {
    const special: readonly number[] = definition.special;
    return (
      Number.isInteger(value) &&
      (((value as number) >= definition.minimum && (value as number) <= definition.maximum) ||
        special.includes(value as number))
    );
  }
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) return false;
  if (definition.type === "scopes")
    return (
      value.length >= 1 &&
      value.length <= 100 &&
      new Set(value).size === value.length &&
      value.every((item) => scopePattern.test(item))
    );
  return value.every(
    (item) => item.replaceAll(" ", "") !== "" && codePoints(item) <= 1000 && !/[\u0000-\u001f\u007f]/.test(item),
  );
}

for (const server of testServers) {
  describe(`options on PostgreSQL ${server.major}`, () => {
    let database: MigratedDatabase;
    let pool: pg.Pool;

    before(async () => {
      database = await createMigratedDatabase(server, { ownFqdn: "own.example.com" });
      pool = new pg.Pool({ connectionString: database.url, max: 2 });
    });
    after(async () => {
      await pool.end();
      await database.drop();
    });

    test("have their declared defaults in a new database, and nobody set them", async () => {
      for (const option of await readOptions(pool)) {
        assert.deepEqual(option.value, option.definition.defaultValue);
        assert.deepEqual([option.isSet, option.changedAt, option.changedBy], [false, null, null]);
      }
    });

    test("take what their declaration allows, and refuse all else clearly, unchanged", async () => {
      const hostile = fc.oneof(
        fc.integer({ min: -10, max: 40_000 }),
        fc.double(),
        fc.array(
          fc.oneof(
            fc.stringMatching(/^[a-z][a-z0-9_-]{0,5}$/),
            fc.string({ unit: "binary", maxLength: 20 }),
            fc.constantFrom("db", "'; drop table option; --", " ", "🙂", "\u007f"),
          ),
          { maxLength: 4 },
        ),
        fc.jsonValue(),
        fc.constantFrom(1e300, -0, "6", "-1", [["db"]], [null], {}, true, "NaN"),
      );
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...optionDefinitions), hostile, async (definition, value) => {
          if (value === null) return;
          const json = JSON.parse(JSON.stringify(value)) as unknown;
          if (json === null) return;
          const before = (await readOptions(pool)).find((option) => option.definition.name === definition.name)?.value;
          const outcome = await setOption(pool, definition.name, json as OptionValue, "test").then(
            () => null,
            (error: unknown) => error,
          );
          const now = (await readOptions(pool)).find((option) => option.definition.name === definition.name)?.value;
          if (isAllowed(definition, json)) {
            assert.equal(outcome, null);
            assert.deepEqual(now, json);
          } else {
            assert.ok(
              outcome instanceof BackupAwarenessError && outcome.code === "OPTION_INVALID",
              `${JSON.stringify(json)}: ${String(outcome)}`,
            );
            assert.ok(outcome.message.includes(definition.name));
            assert.deepEqual(now, before);
          }
        }),
        { numRuns: 300 },
      );
      for (const { name } of optionDefinitions) await setOption(pool, name, null, "test");
    });

    test("say who changed them from what to what, once for each change", async () => {
      await pool.query(
        "select set_config('backup_awareness.retention', 'on', true); truncate backup_awareness.audit_log",
      );
      assert.equal(await setOption(pool, "BackupAlertPeriodInDays", 7, "alice@host"), true);
      assert.equal(await setOption(pool, "BackupAlertPeriodInDays", 7, "bob@host"), false);
      const { rows } = await pool.query(
        "select log_type_name, message, actor from backup_awareness.audit_log order by id",
      );
      assert.deepEqual(rows, [
        {
          log_type_name: "OPTION_CHANGED",
          message: "alice@host set BackupAlertPeriodInDays to 7; it was 1.",
          actor: "alice@host",
        },
      ]);
      assert.equal(await setOption(pool, "BackupAlertPeriodInDays", null, "alice@host"), true);
    });

    test("refuse a name that nobody declared", async () => {
      for (const name of ["Nothing", "backupalertperiodindays", "", "'; drop table option; --", "x".repeat(10_000)]) {
        await assert.rejects(
          setOption(pool, name, 1, "test"),
          (error) => error instanceof BackupAwarenessError && error.code === "OPTION_UNKNOWN",
        );
      }
    });

    test("a new check period begins with a check, so that none is overdue", async () => {
      await pool.query("update backup_awareness.installation set checked_at = now() - interval '5 hours'");
      await setOption(pool, "BackupCheckPeriodInHours", 2, "test");
      const { rows } = await pool.query<{ ageSeconds: number; inHours: number }>(
        `select extract(epoch from now() - checked_at)::float as "ageSeconds", extract(epoch from run_at - checked_at)::float / 3600 as "inHours"
         from backup_awareness.installation, graphile_worker.jobs where key = 'check'`,
      );
      assert.ok((rows[0]?.ageSeconds ?? Infinity) < 60);
      assert.equal(rows[0]?.inHours, 2);
      await setOption(pool, "BackupCheckPeriodInHours", null, "test");
    });

    test("disabling clears what is open and says so; enabling warns again at once", async () => {
      const open = async () =>
        (await pool.query<{ type: string }>("select type from backup_awareness.alert where cleared_at is null")).rows;
      assert.deepEqual(await open(), [{ type: "ENGINE_NO_FULL_BACKUP" }]);
      await pool.query(
        "select set_config('backup_awareness.retention', 'on', true); truncate backup_awareness.audit_log",
      );
      await setOption(pool, "BackupCheckPeriodInHours", -1, "test");
      assert.deepEqual(await open(), []);
      assert.equal((await pool.query("select from graphile_worker.jobs where key = 'check'")).rowCount, 0);
      await setOption(pool, "BackupCheckPeriodInHours", 6, "test");
      assert.deepEqual(await open(), [{ type: "ENGINE_NO_FULL_BACKUP" }]);
      assert.equal((await pool.query("select from graphile_worker.jobs where key = 'check'")).rowCount, 1);
      const { rows } = await pool.query<{ log_type_name: string }>(
        "select log_type_name from backup_awareness.audit_log order by id",
      );
      assert.deepEqual(
        rows.map((row) => row.log_type_name),
        [
          "OPTION_CHANGED",
          "BACKUP_AWARENESS_DISABLED",
          "ENGINE_ALERT_CLEARED",
          "OPTION_CHANGED",
          "BACKUP_AWARENESS_ENABLED",
          "ENGINE_NO_FULL_BACKUP",
        ],
      );
    });
  });
}
