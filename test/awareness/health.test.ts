import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeHealth } from "../../src/awareness/health.ts";
import type { CheckRecord } from "../../src/database/check.ts";

const checkedAt = new Date("2026-11-23T10:00:00Z");

function recordAt(now: string, more: Partial<CheckRecord> = {}): CheckRecord {
  return {
    ownFqdn: "a.example.com",
    installedAt: checkedAt,
    checkedAt,
    checkDurationMs: 1,
    skippedEngines: 0,
    periodHours: 6,
    now: new Date(now),
    ...more,
  };
}

test("is ok while the database answers and the check is not overdue", () => {
  const health = judgeHealth({ phase: "running", databaseFault: null, record: recordAt("2026-11-23T16:09:00Z") });
  assert.equal(health.status, "ok");
  assert.deepEqual(health.reasons, []);
  assert.equal(health.next_check_at, "2026-11-23T16:00:00.000Z");
});

test("fails, and says since when, once the check is overdue", () => {
  const health = judgeHealth({ phase: "running", databaseFault: null, record: recordAt("2026-11-23T16:10:01Z") });
  assert.equal(health.status, "failing");
  assert.match(health.reasons[0] ?? "", /overdue.*2026-11-23T16:00/);
});

test("a disabled feature is no fault", () => {
  const health = judgeHealth({
    phase: "running",
    databaseFault: null,
    record: recordAt("2027-01-01T00:00:00Z", { periodHours: null }),
  });
  assert.equal(health.status, "ok");
  assert.equal(health.enabled, false);
});

test("fails with the reason while the database is away", () => {
  const health = judgeHealth({ phase: "running", databaseFault: "nothing listens there", record: null });
  assert.equal(health.status, "failing");
  assert.match(health.reasons[0] ?? "", /nothing listens there/);
});

test("is not ok before the daemon has started, nor while it stops", () => {
  assert.equal(judgeHealth({ phase: "starting", databaseFault: null, record: null }).status, "starting");
  assert.equal(judgeHealth({ phase: "stopping", databaseFault: null, record: null }).status, "stopping");
});

test("fails where the last check lies ahead, since the clock has been set back and the next one waits", () => {
  const ahead = judgeHealth({ phase: "running", databaseFault: null, record: recordAt("2026-11-23T09:00:00Z") });
  assert.equal(ahead.status, "failing");
  const slightly = judgeHealth({ phase: "running", databaseFault: null, record: recordAt("2026-11-23T09:59:00Z") });
  assert.equal(slightly.status, "ok");
});
