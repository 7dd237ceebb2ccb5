import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import pg from "pg";
import { readAlerts } from "../../../src/database/alerts.ts";
import { readEvents } from "../../../src/database/events.ts";
import { recordReport } from "../../../src/database/record-report.ts";
import { removeImporter } from "../../../src/database/importers.ts";
import { importListing, type ListingImport, recordFault } from "../../../src/report/import/import-listing.ts";
import type { ListedBackup } from "../../../src/report/import/listed-backup.ts";
import { listingError } from "../../../src/report/import/listed-backup.ts";
import { createMigratedDatabase, type MigratedDatabase } from "../../support/migrated-database.ts";
import { testServers } from "../../support/servers.ts";

let database: MigratedDatabase;
let pool: pg.Pool;
let fqdn: string;
let engines = 0;

before(async () => {
  database = await createMigratedDatabase(testServers[0]!, { ownFqdn: "own.example.com" });
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
});

after(async () => {
  await pool.end();
  await database.drop();
});

beforeEach(() => {
  fqdn = `e${++engines}.example.com`;
});

const now = Date.now();
const hoursAgo = (hours: number): Date => new Date(now - hours * 3_600_000);

function listed(archive: string, hours: number, more: Partial<ListedBackup> = {}): ListedBackup {
  return {
    archive,
    name: null,
    status: "completed",
    doneAt: hoursAgo(hours),
    startedAt: hoursAgo(hours + 0.1),
    sizeBytes: 1_000n,
    fileCount: 3n,
    tool: "restic 0.17.3",
    message: `lists ${archive}`,
    ...more,
  };
}

async function bring(backups: readonly ListedBackup[], more: Partial<ListingImport> = {}) {
  return importListing({
    pool,
    importer: { fqdn, scope: "files", name: "nightly", kind: "restic", host: null },
    acceptsUnknown: false,
    readAt: new Date(),
    async *entries() {
      await Promise.resolve();
      for (const backup of backups) yield { backup };
    },
    ...more,
  });
}

async function report(hours: number, status: "completed" | "failed" | "incomplete", archive?: string): Promise<void> {
  const run = {
    scope: "files",
    outputMessage: "",
    fqdn,
    logPath: null,
    tool: "restic",
    runId: `run ${hours} ${status}`,
  };
  await recordReport(pool, { ...run, doneAt: hoursAgo(hours + 0.1), status: "started" });
  await recordReport(pool, { ...run, doneAt: hoursAgo(hours), status, ...(archive === undefined ? {} : { archive }) });
}

async function alerts(): Promise<string[]> {
  const open = await readAlerts(pool, { fqdns: [fqdn] });
  return open
    .map(({ type }) => type)
    .filter((type) => type !== "ENGINE_NO_FULL_BACKUP")
    .toSorted();
}

async function alertText(): Promise<string> {
  const open = await readAlerts(pool, { fqdns: [fqdn] });
  return open.find(({ type }) => type !== "ENGINE_NO_FULL_BACKUP")?.message ?? "";
}

async function lastSuccess(): Promise<Date | null> {
  const { rows } = await pool.query<{ at: Date | null }>(
    "select last_success_at as at from backup_awareness.engine_scope where fqdn = $1 and scope = 'files'",
    [fqdn],
  );
  return rows[0]?.at ?? null;
}

async function backups(): Promise<readonly Record<string, unknown>[]> {
  const { rows } = await pool.query<Record<string, unknown>>(
    `select outcome, reported_at is not null as reported, listed_at is not null as listed, archive, size_bytes, file_count
     from backup_awareness.backup where fqdn = $1 order by coalesce(done_at, started_at)`,
    [fqdn],
  );
  return rows;
}

test("what is listed becomes a backup with the tool's own time; a second reading records nothing", async () => {
  const list = [listed("a", 50), listed("b", 26), listed("c", 2)];
  const first = await bring(list);
  assert.deepEqual(first, { listed: 3, recorded: 1, history: 2, matched: 0, gone: 0, fault: null });
  assert.deepEqual(await lastSuccess(), hoursAgo(2));
  assert.deepEqual(await bring(list), { listed: 3, recorded: 0, history: 0, matched: 0, gone: 0, fault: null });
  assert.deepEqual(await alerts(), []);
  assert.equal((await backups()).length, 3);
  const events = await readEvents(pool, { fqdn }, 20);
  assert.equal(events.filter(({ type }) => type === "ENGINE_BACKUP_COMPLETED").length, 1);
  assert.match(events.find(({ type }) => type === "BACKUPS_LISTED")?.message ?? "", /^2 earlier backups/);
});

test("an unknown outcome never makes an engine fresh, unless its importer accepts it", async () => {
  const list = [listed("a", 3, { status: "unknown" }), listed("b", 1, { status: "unknown" })];
  await bring(list);
  assert.equal(await lastSuccess(), null);
  await bring(list, { acceptsUnknown: true });
  assert.deepEqual(await lastSuccess(), hoursAgo(1));
});

test("a clock that is ahead gives no success beyond the moment of reading", async () => {
  await bring([listed("a", -1_000)]);
  assert.ok((await lastSuccess())!.getTime() <= Date.now());
});

describe("a backup that was reported", () => {
  test("is the same one in the list, by its archive's name or by its time", async () => {
    await report(30, "completed", "01234567");
    await report(6, "completed");
    const result = await bring([listed(`01234567${"8".repeat(56)}`, 30.05), listed("b", 6.01)]);
    assert.deepEqual([result.recorded, result.history, result.matched], [0, 0, 2]);
    assert.deepEqual(
      (await backups()).map(({ reported, listed: isListed, archive, size_bytes }) => [
        reported,
        isListed,
        archive,
        size_bytes,
      ]),
      [
        [true, true, "01234567", "1000"],
        [true, true, "b", "1000"],
      ],
    );
    assert.deepEqual(await alerts(), []);
  });

  test("as incomplete is no success because it is listed, whatever its importer accepts", async () => {
    await report(2, "incomplete", "01234567");
    await bring([listed(`01234567${"8".repeat(56)}`, 2.1, { status: "unknown" })], { acceptsUnknown: true });
    assert.equal(await lastSuccess(), null);
  });

  test("and whose run goes on still, waits for its end", async () => {
    const run = { scope: "files", outputMessage: "", fqdn, logPath: null, tool: "restic", runId: "still" };
    await recordReport(pool, { ...run, doneAt: hoursAgo(1), status: "started" });
    const list = [listed("a", 0.9, { startedAt: hoursAgo(1) })];
    assert.equal((await bring(list)).recorded, 0);
    assert.equal(await lastSuccess(), null);
    await recordReport(pool, { ...run, doneAt: hoursAgo(0.5), status: "incomplete" });
    assert.equal((await bring(list)).matched, 1);
    assert.equal(await lastSuccess(), null);
  });

  test("as completed but is not listed: ENGINE_BACKUP_NOT_LISTED says who says what, until it is", async () => {
    await report(2, "completed", "abcdef01");
    const old = listed("old", 30);
    await bring([old]);
    assert.deepEqual(await alerts(), ["ENGINE_BACKUP_NOT_LISTED", "ENGINE_REPOSITORY_STANDS_STILL"]);
    assert.match(
      await alertText(),
      /restic reported a completed backup of scope files .* \(abcdef01\), but the importer nightly/,
    );
    await bring([old, listed(`abcdef01${"0".repeat(56)}`, 2.05)]);
    assert.deepEqual(await alerts(), []);
  });

  test("as completed but is listed as failed: ENGINE_BACKUP_NOT_LISTED as well, and a failure", async () => {
    await report(2, "completed", "label");
    await bring([listed("repo1:label", 2, { name: "label", status: "incomplete" })]);
    assert.ok((await alerts()).includes("ENGINE_BACKUP_NOT_LISTED"));
    assert.match(await alertText(), /was reported as completed, but the importer nightly \(restic\) says/);
    assert.deepEqual((await backups()).map(({ outcome }) => outcome).toSorted(), ["completed", "incomplete"]);
  });

  test("by another known tool is none of this list's", async () => {
    await recordReport(pool, {
      scope: "files",
      doneAt: hoursAgo(2),
      status: "completed",
      outputMessage: "",
      fqdn,
      logPath: null,
      tool: "engine-backup 0.1.0",
    });
    await bring([listed("a", 1)]);
    assert.deepEqual(await alerts(), []);
  });
});

test("the newest archive is gone: ENGINE_BACKUP_GONE, until there is a newer one; what retention removes is no news", async () => {
  await bring([listed("a", 9), listed("b", 5), listed("c", 3)]);
  await bring([listed("b", 5), listed("c", 3)]);
  assert.deepEqual(await alerts(), []);
  assert.equal((await bring([listed("b", 5)])).gone, 1);
  assert.deepEqual(await alerts(), ["ENGINE_BACKUP_GONE"]);
  assert.match(await alertText(), /, c of .*, is gone/);
  await bring([listed("b", 5)]);
  assert.deepEqual(await alerts(), ["ENGINE_BACKUP_GONE"]);
  await bring([listed("b", 5), listed("d", 1)]);
  assert.deepEqual(await alerts(), []);
});

test("a repository newer than any report: ENGINE_BACKUP_UNREPORTED", async () => {
  await report(30, "completed", "01234567");
  const reported = listed(`01234567${"8".repeat(56)}`, 30);
  await bring([reported, listed("newer", 5)]);
  assert.deepEqual(await alerts(), ["ENGINE_BACKUP_UNREPORTED"]);
  assert.match(await alertText(), /finds the backup newer .* which nobody has reported/);
  await report(2, "completed", "89abcdef");
  await bring([reported, listed("newer", 5), listed(`89abcdef${"0".repeat(56)}`, 2)]);
  assert.deepEqual(await alerts(), []);
});

test("a newest backup older than the alert period, or none: ENGINE_REPOSITORY_STANDS_STILL", async () => {
  await bring([]);
  assert.deepEqual(await alerts(), ["ENGINE_REPOSITORY_STANDS_STILL"]);
  assert.match(await alertText(), /its list is empty/);
  await bring([listed("a", 30)]);
  assert.deepEqual(await alerts(), ["ENGINE_REPOSITORY_STANDS_STILL"]);
  await bring([listed("a", 30), listed("b", 1)]);
  assert.deepEqual(await alerts(), []);
});

test("a list that breaks off records nothing of it; ENGINE_IMPORT_FAILED says why, until it is read again", async () => {
  const broken = await bring([], {
    async *entries() {
      await Promise.resolve();
      yield { backup: listed("a", 1) };
      throw listingError("the list is cut off");
    },
  });
  assert.deepEqual([broken.fault, broken.recorded], ["the list is cut off", 0]);
  assert.equal(await lastSuccess(), null);
  assert.deepEqual(await alerts(), ["ENGINE_IMPORT_FAILED"]);
  assert.match(await alertText(), /does not work since .*: the list is cut off/);
  await bring([listed("a", 1)]);
  assert.deepEqual(await alerts(), []);
});

test("what waits for WAL has begun, and becomes a backup or a failure", async () => {
  const importer = { fqdn, scope: "files", name: "barman", kind: "barman", host: null } as const;
  const waiting = listed("20261125T010000", 1, { status: "started", startedAt: hoursAgo(1) });
  await bring([waiting], { importer });
  assert.equal(await lastSuccess(), null);
  assert.deepEqual(
    (await backups()).map(({ outcome }) => outcome),
    ["running"],
  );
  await bring([listed("20261125T010000", 0.5, { startedAt: hoursAgo(1) })], { importer });
  assert.deepEqual(await lastSuccess(), hoursAgo(0.5));
  assert.deepEqual(
    (await backups()).map(({ outcome }) => outcome),
    ["completed"],
  );
});

test("an importer that is removed takes its alerts along; a disabled feature clears them", async () => {
  await recordFault(pool, { fqdn, scope: "files", name: "gone", kind: "restic", host: null }, new Date(), "no route");
  assert.deepEqual(await alerts(), ["ENGINE_IMPORT_FAILED"]);
  assert.equal(await removeImporter(pool, "gone", "ann"), true);
  assert.deepEqual(await alerts(), []);
});

test(
  "a hundred thousand backups take seconds and little memory; a second time nothing is new",
  { timeout: 170_000 },
  async () => {
    const count = 100_000;
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const heapMiB = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed / 1024 ** 2;
    };
    const atFirst = heapMiB();
    let peak = 0;
    const entries = async function* () {
      await Promise.resolve();
      for (let i = 0; i < count; i++) {
        yield { backup: listed(`archive ${i}`, (count - i) / 10, { startedAt: null }) };
        if (i % 20_000 === 0) peak = Math.max(peak, heapMiB() - atFirst);
      }
    };
    const begun = performance.now();
    const first = await bring([], { entries });
    const firstMs = performance.now() - begun;
    assert.deepEqual([first.listed, first.recorded, first.history], [count, 1, count - 1]);
    const second = await bring([], { entries });
    const secondMs = performance.now() - begun - firstMs;
    assert.deepEqual([second.recorded, second.history, second.gone], [0, 0, 0]);
    assert.ok(firstMs < 90_000 && secondMs < 45_000, `${firstMs} ms, ${secondMs} ms`);
    assert.ok(peak < 40, `${peak} MiB`);
  },
);
