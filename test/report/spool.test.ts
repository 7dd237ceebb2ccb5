import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { reportStatuses, type Report } from "../../src/contract/report.ts";
import { deliverReport } from "../../src/report/deliver-report.ts";
import { replaySpool, spoolReport } from "../../src/report/spool.ts";
import { decodeSpooledReport, encodeSpooledReport } from "../../src/report/spooled-report.ts";

async function newSpool(test: Pick<TestContext, "after">): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "spool-test-"));
  test.after(() => rm(path, { recursive: true, force: true }));
  return join(path, "spool");
}

function reportOf(outputMessage: string): Report {
  return {
    scope: "db",
    doneAt: new Date("2026-11-24T01:30:00.123Z"),
    status: "failed",
    outputMessage,
    fqdn: "engine.example.com",
    logPath: null,
  };
}

const unreachable = () => Promise.reject(new BackupAwarenessError("DATABASE_UNREACHABLE", "nothing listens there"));

const text = fc.string({ unit: "binary", maxLength: 300 });
const anyReport: fc.Arbitrary<Report> = fc
  .record(
    {
      scope: text,
      doneAt: fc.date({ noInvalidDate: true }),
      status: fc.constantFrom(...reportStatuses),
      outputMessage: fc.oneof(text, fc.constant("%s\n\0'\"\\ \u{1f4a3}\ud800 ".repeat(5000))),
      fqdn: fc.option(text),
      logPath: fc.option(text),
      runId: text,
      durationMs: fc.maxSafeNat(),
      sizeBytes: fc.maxSafeNat(),
      archive: text,
      tool: text,
    },
    { requiredKeys: ["scope", "doneAt", "status", "outputMessage", "fqdn", "logPath"] },
  )
  .map((report) => ({ ...report }));

describe("the spool", () => {
  it("gives every report back as it was, whatever is in it", () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        assert.deepEqual(decodeSpooledReport(encodeSpooledReport(report)), { report });
      }),
    );
  });

  it("tells any other text from a report", () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.json()), (garbage) => {
        assert.ok("fault" in decodeSpooledReport(garbage));
      }),
    );
  });

  it("replays in the order in which the reports came, with their own times, and is empty afterwards", async (test) => {
    const spool = await newSpool(test);
    const reports = Array.from({ length: 12 }, (_, number) => ({
      ...reportOf(`number ${number}`),
      doneAt: new Date(1e12 - number * 1000),
    }));
    for (const report of reports) await spoolReport(spool, report);
    const recorded: Report[] = [];
    const replay = await replaySpool(spool, async (report) => recorded.push(report));
    assert.deepEqual(recorded, reports);
    assert.deepEqual(replay, { recorded: 12, refused: [], remaining: 0, stoppedBy: null });
    assert.deepEqual(await readdir(spool), []);
  });

  it("keeps what the database cannot take now, and goes no further", async (test) => {
    const spool = await newSpool(test);
    for (const message of ["one", "two", "three"]) await spoolReport(spool, reportOf(message));
    const seen: string[] = [];
    const replay = await replaySpool(spool, async ({ outputMessage }) => {
      seen.push(outputMessage);
      if (outputMessage === "two") await unreachable();
    });
    assert.deepEqual([seen, replay.recorded, replay.remaining], [["one", "two"], 1, 2]);
    assert.equal((await readdir(spool)).length, 2);
  });

  it("sets aside what the database refuses for good, with the reason, and records the others", async (test) => {
    const spool = await newSpool(test);
    for (const message of ["one", "bad", "three"]) await spoolReport(spool, reportOf(message));
    const recorded: string[] = [];
    const replay = await replaySpool(spool, async ({ outputMessage }) => {
      if (outputMessage === "bad") throw new BackupAwarenessError("REPORT_INVALID", 'v_scope: "Bad" is no scope');
      recorded.push(outputMessage);
    });
    assert.deepEqual(recorded, ["one", "three"]);
    assert.equal(replay.refused[0]?.reason, 'v_scope: "Bad" is no scope');
    const names = (await readdir(join(spool, "refused"))).toSorted();
    assert.equal(names.length, 2);
    assert.match(await readFile(join(spool, "refused", names[1]!), "utf8"), /is no scope/);
    assert.equal((await replaySpool(spool, async () => undefined)).recorded, 0);
  });

  it("sets aside a file that is cut off, empty or garbage", async (test) => {
    const spool = await newSpool(test);
    await spoolReport(spool, reportOf("good"));
    const [good = ""] = await readdir(spool);
    const whole = await readFile(join(spool, good), "utf8");
    const garbage = [whole.slice(0, 50), "", "\0\0\0", "[]", '{"version":1,"report":{"scope":5}}'];
    for (const [number, content] of garbage.entries())
      await writeFile(join(spool, good.replace(/^\d{12}/, `00000000001${number}`)), content);
    const replay = await replaySpool(spool, async () => undefined);
    assert.deepEqual([replay.recorded, replay.refused.length], [1, garbage.length]);
    assert.deepEqual(await readdir(spool), ["refused"]);
  });

  it("replayed by two at once loses nothing", async (test) => {
    const spool = await newSpool(test);
    for (let number = 0; number < 20; number++) await spoolReport(spool, reportOf(String(number)));
    const recorded = new Set<string>();
    const record = async ({ outputMessage }: Report) => {
      await new Promise(setImmediate);
      recorded.add(outputMessage);
    };
    await Promise.all([replaySpool(spool, record), replaySpool(spool, record)]);
    assert.equal(recorded.size, 20);
    assert.deepEqual(await readdir(spool), []);
  });

  it("clears away the drafts of killed writers, and no others", async (test) => {
    const spool = await newSpool(test);
    await spoolReport(spool, reportOf("one"));
    for (const name of [".draft-old", ".draft-new"]) await writeFile(join(spool, name), "{");
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(spool, ".draft-old"), longAgo, longAgo);
    assert.equal((await replaySpool(spool, async () => undefined)).recorded, 1);
    assert.deepEqual(await readdir(spool), [".draft-new"]);
  });

  it("that cannot be written is an error, since nobody has the report then", async (test) => {
    const spool = await newSpool(test);
    await writeFile(spool, "a file is in the way");
    await assert.rejects(spoolReport(spool, reportOf("lost")), { code: "SPOOL_FAILED" });
  });

  it("keeps reports from others' eyes", async (test) => {
    const spool = await newSpool(test);
    await spoolReport(spool, reportOf("secret"));
    const [name = ""] = await readdir(spool);
    await chmod(spool, 0o700);
    const { mode } = await import("node:fs/promises").then((fs) => fs.stat(join(spool, name)));
    assert.equal(mode & 0o077, 0);
  });
});

describe("delivering a report", () => {
  it("records it after those that wait", async (test) => {
    const spool = await newSpool(test);
    await spoolReport(spool, reportOf("earlier"));
    const recorded: string[] = [];
    const delivery = await deliverReport(
      spool,
      async ({ outputMessage }) => recorded.push(outputMessage),
      reportOf("now"),
    );
    assert.deepEqual([delivery.outcome, recorded], ["recorded", ["earlier", "now"]]);
  });

  it("keeps it behind those that wait on, so that order is kept", async (test) => {
    const spool = await newSpool(test);
    for (const message of ["one", "two", "three"])
      assert.equal((await deliverReport(spool, unreachable, reportOf(message))).outcome, "spooled");
    const recorded: string[] = [];
    await replaySpool(spool, async ({ outputMessage }) => recorded.push(outputMessage));
    assert.deepEqual(recorded, ["one", "two", "three"]);
  });

  it("says so when the database will never take it, and keeps nothing", async (test) => {
    const spool = await newSpool(test);
    const refuse = () => Promise.reject(new BackupAwarenessError("REPORT_INVALID", "no"));
    await assert.rejects(deliverReport(spool, refuse, reportOf("bad")), { code: "REPORT_INVALID" });
    assert.equal((await replaySpool(spool, async () => undefined)).recorded, 0);
  });
});
