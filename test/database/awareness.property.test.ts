import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import pg from "pg";
import { createMigratedDatabase, type MigratedDatabase } from "../support/migrated-database.ts";
import { testServers } from "../support/servers.ts";
import { AwarenessModel, type ModelReport } from "./awareness-model.ts";

/** What may happen. Times are whole minutes, so that equal times and exact boundaries are common. */
type Step =
  | {
      readonly kind: "report";
      readonly fqdn: string;
      readonly scope: string;
      readonly status: ModelReport["status"];
      readonly ageMinutes: number;
    }
  | { readonly kind: "replay"; readonly pick: number }
  | { readonly kind: "wait"; readonly minutes: number }
  | { readonly kind: "check" }
  | {
      readonly kind: "option";
      readonly name: "alertPeriodDays" | "stalledAfterHours" | "checkPeriodHours";
      readonly value: number;
    }
  | { readonly kind: "scopes"; readonly scopes: readonly string[] }
  | {
      readonly kind: "require";
      readonly fqdn: string;
      readonly required: readonly (readonly [string, number | null])[];
    }
  | { readonly kind: "remove"; readonly fqdn: string };

const fqdn = fc.constantFrom("a.example.com", "b.example.com");
const scope = fc.constantFrom("db", "files", "dwhdb");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("report" as const),
      fqdn,
      scope,
      status: fc.constantFrom<ModelReport["status"]>(
        "started",
        "started",
        "completed",
        "completed",
        "completed",
        "failed",
        "incomplete",
        "unknown",
      ),
      // Mostly just now; sometimes late, out of order, or by a clock that is ahead.
      ageMinutes: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -3000, max: 3000 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("replay" as const), pick: fc.nat() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      minutes: fc.oneof(fc.constantFrom(1, 60, 24 * 60, 24 * 60 + 1), fc.integer({ min: 1, max: 4000 })),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: "check" as const }) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.record({
        kind: fc.constant("option" as const),
        name: fc.constant("alertPeriodDays" as const),
        value: fc.integer({ min: 1, max: 3 }),
      }),
      fc.record({
        kind: fc.constant("option" as const),
        name: fc.constant("stalledAfterHours" as const),
        value: fc.integer({ min: 1, max: 48 }),
      }),
      fc.record({
        kind: fc.constant("option" as const),
        name: fc.constant("checkPeriodHours" as const),
        value: fc.constantFrom(-1, 6),
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("scopes" as const), scopes: fc.uniqueArray(scope, { minLength: 1 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("require" as const),
      fqdn,
      required: fc.uniqueArray(fc.tuple(scope, fc.option(fc.integer({ min: 1, max: 3 }))), {
        selector: ([name]) => name,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), fqdn }) },
);

const optionNames = {
  alertPeriodDays: "BackupAlertPeriodInDays",
  stalledAfterHours: "BackupStalledAfterHours",
  checkPeriodHours: "BackupCheckPeriodInHours",
} as const;

const ms = (time: Date | null): number | null => time?.getTime() ?? null;
const byText = (a: string, b: string): number => (a < b ? -1 : 1);

for (const server of testServers) {
  describe(`awareness on PostgreSQL ${server.major}`, () => {
    let database: MigratedDatabase;
    let client: pg.Client;

    before(async () => {
      database = await createMigratedDatabase(server, { ownFqdn: "own.example.com" });
      client = new pg.Client(database.url);
      await client.connect();
      await client.query("set search_path = backup_awareness");
    });
    after(async () => {
      await client.end();
      await database.drop();
    });

    test("states, alerts and history follow the rules, whatever happens in whatever order", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
          await client.query("begin");
          try {
            await client.query("delete from engine");
            const model = new AwarenessModel();
            const given: ModelReport[] = [];
            let now = Date.parse("2026-03-01T00:00:00Z");
            for (const taken of steps) {
              now += taken.kind === "wait" ? taken.minutes * 60_000 : 0;
              await take(taken, model, given, now);
              await compare(model, now);
            }
          } finally {
            await client.query("rollback");
          }
        }),
        { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 60) },
      );
    });

    async function take(taken: Step, model: AwarenessModel, given: ModelReport[], now: number): Promise<void> {
      switch (taken.kind) {
        case "wait":
          return;
        case "report":
        case "replay": {
          const said =
            taken.kind === "report"
              ? { fqdn: taken.fqdn, scope: taken.scope, status: taken.status, doneAt: now - taken.ageMinutes * 60_000 }
              : given[taken.pick % Math.max(1, given.length)];
          if (!said) return;
          const report: ModelReport = { ...said, receivedAt: now };
          given.push(report);
          const expected = model.report(report);
          const { rows } = await client.query<{ is_new: boolean }>(
            "select record_report($1, $2, $3, 'text', $4, '/log', v_now => $5) as is_new",
            [report.scope, new Date(report.doneAt), report.status, report.fqdn, new Date(now)],
          );
          assert.equal(rows[0]?.is_new, expected);
          return;
        }
        case "check": {
          if (model.checkPeriodHours !== -1) model.settleAll(now);
          await client.query("select run_check($1)", [new Date(now)]);
          return;
        }
        case "option":
          if (model[taken.name] !== taken.value) {
            model[taken.name] = taken.value;
            model.settleAll(now);
          }
          await client.query("select set_option($1, $2, 'test', $3)", [
            optionNames[taken.name],
            String(taken.value),
            new Date(now),
          ]);
          return;
        case "scopes":
          if (String(model.fullScopes) !== String(taken.scopes)) {
            model.fullScopes = taken.scopes;
            model.settleAll(now);
          }
          await client.query("select set_option('BackupFullScopes', $1, 'test', $2)", [
            JSON.stringify(taken.scopes),
            new Date(now),
          ]);
          return;
        case "require":
          if (!model.known.has(taken.fqdn)) return;
          if (taken.required.length === 0) model.ownScopes.delete(taken.fqdn);
          else model.ownScopes.set(taken.fqdn, new Map(taken.required));
          model.settle(taken.fqdn, now);
          await client.query("select set_required_scopes($1, $2, $3, 'test', $4)", [
            taken.fqdn,
            taken.required.map(([name]) => name),
            taken.required.map(([, days]) => days),
            new Date(now),
          ]);
          return;
        case "remove":
          if (!model.known.has(taken.fqdn)) return;
          model.remove(taken.fqdn);
          await client.query("select remove_engine($1, 'test', $2)", [taken.fqdn, new Date(now)]);
          return;
        default:
          taken satisfies never;
      }
    }

    async function compare(model: AwarenessModel, now: number): Promise<void> {
      const { rows: engines } = await client.query<{
        fqdn: string;
        state: string;
        full_backup_at: Date | null;
        stale_at: Date | null;
      }>("select fqdn, state, full_backup_at, stale_at from engine_status(null, $1)", [new Date(now)]);
      assert.deepEqual(
        engines.map((engine) => [engine.fqdn, engine.state, ms(engine.full_backup_at), ms(engine.stale_at)]),
        [...model.known]
          .sort(byText)
          .map((name) => [name, model.state(name, now), model.fullBackupAt(name), model.staleAt(name)]),
      );
      const { rows: scopes } = await client.query<{
        fqdn: string;
        scope: string;
        last_success_at: Date | null;
        running_since: Date | null;
      }>("select fqdn, scope, last_success_at, running_since from engine_scope order by fqdn, scope");
      const reported = [...new Set(model.reports.map((report) => `${report.fqdn} ${report.scope}`))].sort(byText);
      assert.deepEqual(
        scopes.map((row) => [`${row.fqdn} ${row.scope}`, ms(row.last_success_at), ms(row.running_since)]),
        reported.map((key) => {
          const [name = "", part = ""] = key.split(" ");
          return [key, model.lastSuccess(name, part), model.runningSince(name, part)];
        }),
      );
      const { rows: alerts } = await client.query<{ told: string }>(
        "select concat_ws(' ', fqdn, type, coalesce(scope, '')) as told from alert where cleared_at is null and fqdn <> 'own.example.com'",
      );
      assert.deepEqual(alerts.map(({ told }) => told).sort(byText), model.openAlerts());
    }
  });
}
