import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { tellActor } from "../../src/cli/actor.ts";
import { humanSize } from "../../src/contract/human-size.ts";
import { parseMoment } from "../../src/cli/parse-moment.ts";
import { firstLine, printable } from "../../src/contract/printable.ts";
import { collectRequireSpecs, formatRequireSpec, parseRequireSpec } from "../../src/cli/require-spec.ts";

import { tellAge, tellMomentAndAge } from "../../src/contract/tell-time.ts";

const now = new Date("2026-11-23T10:00:00Z");

describe("an age", () => {
  test("is told in whole units: the past as old as it surely is, the future rounded", () => {
    const told = (secondsAgo: number) => tellAge(new Date(now.getTime() - secondsAgo * 1000), now);
    assert.equal(told(0), "just now");
    assert.equal(told(59), "just now");
    assert.equal(told(60), "1 minute ago");
    assert.equal(told(3 * 3600 + 3599), "3 hours ago");
    assert.equal(told(47 * 3600), "47 hours ago");
    assert.equal(told(48 * 3600), "2 days ago");
    assert.equal(told(-30), "in a moment");
    assert.equal(told(-3600), "in 1 hour");
    assert.equal(told(-24 * 3600 + 2), "in 24 hours");
    assert.equal(told(-48 * 3600 + 2), "in 2 days");
  });

  test("comes with the exact time, in UTC", () => {
    assert.equal(tellMomentAndAge("2026-11-23T07:00:00.999Z", now), "2 hours ago (2026-11-23 07:00:00 UTC)");
  });
});

describe("a moment, as --since takes it", () => {
  test("is RFC 3339, a day in UTC, or an age", () => {
    const read = (text: string) => parseMoment(text, now).toISOString();
    assert.equal(read("2026-11-23T10:00:00Z"), "2026-11-23T10:00:00.000Z");
    assert.equal(read("2026-11-23t10:00:00.25+02:00"), "2026-11-23T08:00:00.250Z");
    assert.equal(read("2026-11-22"), "2026-11-22T00:00:00.000Z");
    assert.equal(read("90m"), "2026-11-23T08:30:00.000Z");
    assert.equal(read("2h"), "2026-11-23T08:00:00.000Z");
    assert.equal(read("3d"), "2026-11-20T10:00:00.000Z");
    assert.equal(read("1w"), "2026-11-16T10:00:00.000Z");
  });

  test("is refused where it is ambiguous or does not exist", () => {
    for (const text of [
      "",
      "yesterday",
      "2026-11-23T10:00:00",
      "2026-02-31",
      "2026-13-01",
      "2026-11-23T25:00:00Z",
      "h",
      "-2h",
      "2.5h",
      "1234567h",
      "2026-1-1",
    ]) {
      assert.throws(() => parseMoment(text, now), { code: "commander.invalidArgument" }, text);
    }
  });

  test("is a moment or refused, whatever is typed", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,5}[mhdw]$/)), (text) => {
        try {
          assert.ok(!Number.isNaN(parseMoment(text, now).getTime()));
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, "commander.invalidArgument");
        }
      }),
    );
  });
});

describe("--require", () => {
  test("takes a scope, alone or with a period in days or weeks", () => {
    assert.deepEqual(parseRequireSpec("db"), { scope: "db", periodDays: null });
    assert.deepEqual(parseRequireSpec("files=7d"), { scope: "files", periodDays: 7 });
    assert.deepEqual(parseRequireSpec("files=2w"), { scope: "files", periodDays: 14 });
    assert.equal(formatRequireSpec({ scope: "files", periodDays: 14 }), "files=14d");
  });

  test("refuses anything else, naming what is wrong and what is allowed", () => {
    for (const text of [
      "",
      "=1d",
      "DB",
      "db=",
      "db=0d",
      "db=3651d",
      "db=522w",
      "db=1",
      "db=1h",
      "db=-1d",
      "db=1d=2d",
      "db = 1d",
      "db=1e1d",
    ]) {
      assert.throws(
        () => parseRequireSpec(text),
        { code: "commander.invalidArgument", message: /is not a (scope|period): / },
        text,
      );
    }
    assert.throws(() => collectRequireSpecs("db=2d", [{ scope: "db", periodDays: null }]), /db is named twice/);
  });
});

describe("what others wrote", () => {
  test("cannot move the cursor, change colours or turn the direction of writing", () => {
    assert.equal(printable("a\u001b[31mb\u0007c\u202Ed\u009be"), "a�[31mb�c�d�e");
    assert.equal(printable("one\r\ntwo\tthree\n"), "one\ntwo\tthree\n");
  });

  test("is cut to its first line that says something", () => {
    assert.equal(firstLine("\n\n  pg_dump: error: no space\nmore", 40), "pg_dump: error: no space");
    assert.equal(firstLine("🐘".repeat(50), 10), `${"🐘".repeat(9)}…`);
    assert.equal(firstLine("", 10), "");
  });
});

describe("who did it", () => {
  const input = { userName: "root", userId: 0, sudoUser: undefined, hostName: "db1", programName: "engine-config" };

  test("is the user of the operating system, at the host, by the program", () => {
    assert.equal(tellActor(input), "root@db1 via engine-config");
  });

  test("is who called sudo", () => {
    assert.equal(tellActor({ ...input, sudoUser: "alice" }), "alice (sudo)@db1 via engine-config");
  });

  test("is a number where the user has no name, and never more than one line", () => {
    assert.equal(tellActor({ ...input, userName: null, userId: 4711 }), "user 4711@db1 via engine-config");
    assert.equal(tellActor({ ...input, sudoUser: "al\nice\u001b" }), "alice (sudo)@db1 via engine-config");
  });
});

test("sizes are told in binary units", () => {
  assert.equal(humanSize(0), "0 B");
  assert.equal(humanSize(8_800_000), "8.4 MiB");
  assert.equal(humanSize(200 * 1024), "200 KiB");
});
