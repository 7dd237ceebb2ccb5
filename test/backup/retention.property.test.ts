import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { planRetention, type RetainableArchive } from "../../src/backup/retention.ts";

const now = new Date("2026-11-24T12:00:00Z");
const hourMs = 3_600_000;
const required = ["db", "files"];

const archive = fc
  .record({
    hoursAgo: fc.integer({ min: -48, max: 2000 }),
    scopes: fc.subarray(["db", "dwhdb", "files"], { minLength: 1 }),
    isVerified: fc.boolean(),
  })
  .map(({ hoursAgo, ...rest }) => ({ ...rest, madeAt: new Date(now.getTime() - hoursAgo * hourMs) }));
const archives: fc.Arbitrary<RetainableArchive[]> = fc
  .array(archive, { maxLength: 25 })
  .map((each) => each.map((one, number) => ({ ...one, path: `/backup/${number}` })));
const rule = fc.record({
  count: fc.option(fc.integer({ min: 1, max: 6 })),
  days: fc.option(fc.integer({ min: 1, max: 60 })),
});

const isFull = ({ scopes }: RetainableArchive) => required.every((scope) => scopes.includes(scope));
const newest = (found: readonly RetainableArchive[]) => Math.max(...found.map(({ madeAt }) => madeAt.getTime()));

describe("retention, whatever archives there are", () => {
  it("never removes the newest verified full archive, nor the newest full one, nor any scope's last", () => {
    fc.assert(
      fc.property(archives, rule, (all, { count, days }) => {
        const { kept } = planRetention(all, { count, days }, required, now);
        const demands: ((each: RetainableArchive) => boolean)[] = [
          isFull,
          ...["db", "dwhdb", "files"].map(
            (scope) =>
              ({ scopes }: RetainableArchive) =>
                scopes.includes(scope),
          ),
        ];
        for (const demand of demands) {
          for (const among of [all.filter(demand), all.filter((each) => demand(each) && each.isVerified)]) {
            if (among.length === 0) continue;
            const left = kept.filter((each) => among.includes(each));
            assert.equal(newest(left), newest(among));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("keeps the newest of each kind, and what is young enough; the rest goes", () => {
    fc.assert(
      fc.property(archives, rule, (all, { count, days }) => {
        const { kept, removed } = planRetention(all, { count, days }, required, now);
        assert.deepEqual(
          [...kept, ...removed].map(({ path }) => path).toSorted(),
          all.map(({ path }) => path).toSorted(),
          "each is either kept or removed",
        );
        for (const gone of removed) {
          assert.ok(count !== null || days !== null);
          assert.ok(gone.madeAt <= now);
          if (days !== null) assert.ok(now.getTime() - gone.madeAt.getTime() > days * 24 * hourMs);
          const alike = kept.filter(({ scopes }) => scopes.join() === gone.scopes.join());
          const newer = alike.filter(({ madeAt }) => madeAt >= gone.madeAt);
          if (count !== null) assert.ok(newer.length >= count, "as many as are to be kept are newer");
        }
        // Where only the number counts, no more stay of a kind than that and those that are needed: two for each demand.
        if (count !== null && days === null) {
          const past = kept.filter(({ madeAt }) => madeAt <= now);
          const kinds = new Set(past.map(({ scopes }) => scopes.join())).size;
          assert.ok(past.length <= kinds * count + 8);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("does the same again when nothing has changed", () => {
    fc.assert(
      fc.property(archives, rule, (all, { count, days }) => {
        const { kept } = planRetention(all, { count, days }, required, now);
        assert.deepEqual(planRetention(kept, { count, days }, required, now).removed, []);
      }),
    );
  });

  it("keeps exactly N of nightly archives, all of them alike", () => {
    const nightly = Array.from({ length: 10 }, (_, night) => ({
      path: `/backup/${night}`,
      madeAt: new Date(now.getTime() - night * 24 * hourMs),
      scopes: ["db", "files"],
      isVerified: night === 1 || night === 8,
    }));
    const { kept } = planRetention(nightly, { count: 3, days: null }, required, now);
    assert.deepEqual(
      kept.map(({ path }) => path),
      ["/backup/0", "/backup/1", "/backup/2"],
    );
    const byAge = planRetention(nightly, { count: null, days: 5 }, required, now);
    assert.equal(byAge.kept.length, 6, "exactly five days is not older than that");
    const onlyOldVerified = nightly.map((each, night) => ({ ...each, isVerified: night === 8 }));
    assert.deepEqual(
      planRetention(onlyOldVerified, { count: 1, days: null }, required, now).kept.map(({ path }) => path),
      ["/backup/0", "/backup/8"],
    );
  });
});
