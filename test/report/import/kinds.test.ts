import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseMomentText } from "../../../src/report/import/read-moment.ts";
import type { ListKind } from "../../../src/report/import/read-list.ts";
import { lists, readBackups, readText } from "./lists.ts";

type Shown = [archive: string, status: string, doneAt: string, sizeBytes: bigint | null];

async function shown(kind: ListKind, document: unknown = lists[kind], timeZone?: string): Promise<Shown[]> {
  return (await readBackups(kind, document, timeZone)).map(({ archive, status, doneAt, sizeBytes }) => [
    archive.slice(0, 40),
    status,
    doneAt.toISOString(),
    sizeBytes,
  ]);
}

async function refusal(kind: ListKind, document: unknown): Promise<string> {
  try {
    await readText(kind, typeof document === "string" ? document : JSON.stringify(document));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  assert.fail("it was not refused");
}

const list = (kind: ListKind): Record<string, unknown>[] => structuredClone(lists[kind]) as Record<string, unknown>[];

describe("restic", () => {
  test("tells the end since 0.17, before it the begin; never whether all was read; sizes keep every digit", async () => {
    const text = JSON.stringify(lists.restic).replace("9007199254740992", "9007199254740993");
    const backups = await shown("restic", text);
    assert.deepEqual(
      backups.map(([, ...rest]) => rest),
      [
        ["unknown", "2026-11-23T00:00:00.123Z", null],
        ["unknown", "2026-11-24T01:10:00.500Z", 9007199254740993n],
      ],
    );
  });

  test("may say something before its list; null and [] are empty lists, nothing at all is none", async () => {
    const talk = "warning: the cache is old\n[0:00] 100.00%  1 / 1 index files loaded\n";
    assert.equal((await shown("restic", talk + JSON.stringify(lists.restic, null, 2))).length, 2);
    assert.deepEqual(await shown("restic", "null\n"), []);
    assert.deepEqual(await shown("restic", "[]\n"), []);
    assert.match(await refusal("restic", ""), /^nothing came/);
    assert.match(await refusal("restic", "Fatal: wrong password\n"), /^no list came, but: Fatal: wrong password/);
    assert.match(
      await refusal("restic", { message_type: "exit_error", code: 12, message: "Fatal: wrong password" }),
      /restic says: Fatal: wrong password/,
    );
  });

  test("snapshots of several hosts are no list of one engine", async () => {
    const [first, second] = list("restic");
    assert.match(await refusal("restic", [first, { ...second, hostname: "other" }]), /several hosts, "vm" and "other"/);
    assert.match(await refusal("restic", [{ group_key: { hostname: "vm" }, snapshots: [first] }]), /grouped/);
  });
});

describe("borg", () => {
  test("1 tells local times; a checkpoint is no backup", async () => {
    assert.deepEqual(
      (await shown("borg", lists.borg, "Europe/Berlin")).map(([, ...rest]) => rest),
      [
        ["unknown", "2026-11-23T00:05:00.000Z", null],
        ["unknown", "2026-11-24T01:05:00.000Z", null],
      ],
    );
  });

  test("2 tells the zone, and calls several archives the same", async () => {
    const archives = ["a1", "a2"].map((id, i) => ({
      archive: "docs",
      name: "docs",
      id: id.repeat(32),
      start: `2026-11-2${i}T10:00:00.000000+02:00`,
      time: `2026-11-2${i}T10:00:00.000000+02:00`,
      hostname: "vm",
      tags: [],
    }));
    const document = { archives, encryption: { mode: "repokey" }, repository: { id: "x", location: "/b2" } };
    assert.deepEqual(
      (await shown("borg", document)).map(([, , doneAt]) => doneAt),
      ["2026-11-20T08:00:00.000Z", "2026-11-21T08:00:00.000Z"],
    );
    assert.equal((await shown("borg", [document])).length, 2, "borgmatic's list of one repository");
    assert.match(await refusal("borg", [document, document]), /2 repositories/);
  });
});

describe("pgBackRest", () => {
  test("a backup with wrong page checksums is incomplete", async () => {
    assert.deepEqual(await shown("pgbackrest"), [
      ["repo1:20261123-010000F", "completed", "2026-11-23T01:05:00.000Z", 22992593n],
      ["repo1:20261123-010000F_20261124-010000I", "incomplete", "2026-11-24T01:05:00.000Z", 22992593n],
    ]);
  });

  test("a backup of the database before an upgrade counts for nothing", async () => {
    const [stanza] = list("pgbackrest");
    const db = [
      { id: 1, "repo-key": 1, "system-id": 1, version: "14" },
      { id: 2, "repo-key": 1, "system-id": 2, version: "15" },
    ];
    assert.deepEqual(
      (await shown("pgbackrest", [{ ...stanza, db }])).map(([, status]) => status),
      ["unknown", "unknown"],
    );
  });

  test("each status code is what it says: 0 and 2 a list, 4 a list and a fault, others none", async () => {
    const [stanza] = list("pgbackrest");
    const withCode = (code: number) => [{ ...stanza, status: { code, message: "words" } }];
    for (const code of [1, 3, 5, 6, 99, 7]) assert.match(await refusal("pgbackrest", withCode(code)), /words/);
    assert.deepEqual(
      await shown("pgbackrest", [{ ...stanza, backup: [], status: { code: 2, message: "no valid backups" } }]),
      [],
    );
    const repo = [
      { key: 1, status: { code: 0, message: "ok" } },
      { key: 2, status: { code: 99, message: "other: no route" } },
    ];
    const mixed = await readText(
      "pgbackrest",
      JSON.stringify([{ ...stanza, repo, status: { code: 4, message: "different" } }]),
    );
    assert.equal(mixed.length, 3);
    assert.deepEqual(mixed[2], { fault: "stanza demo: repository 2: other: no route" });
  });

  test("several stanzas are several databases; the order of backups does not matter", async () => {
    const [stanza] = list("pgbackrest");
    assert.match(await refusal("pgbackrest", [stanza, { ...stanza, name: "other" }]), /2 stanzas/);
    assert.match(await refusal("pgbackrest", []), /no stanza/);
  });
});

describe("Barman", () => {
  test("DONE alone passes; what waits for WAL has begun; a failed one failed", async () => {
    assert.deepEqual(await shown("barman"), [
      ["20261124T010000", "completed", "2026-11-24T01:05:00.000Z", 40129044n],
      ["20261125T010000", "failed", "2026-11-25T01:00:00.000Z", null],
    ]);
    const waiting = { backup_id: "20261125T020000", end_time_timestamp: "1795569000", status: "WAITING_FOR_WALS" };
    assert.deepEqual(await shown("barman", { pg: [waiting] }, "Europe/Berlin"), [
      ["20261125T020000", "started", "2026-11-25T01:00:00.000Z", null],
    ]);
  });

  test("diagnose tells times with their zone", async () => {
    const backups = {
      "20261125T035151": {
        backup_id: "20261125T035151",
        begin_time: "2026-11-25T03:51:51.8+01:00",
        end_time: "2026-11-25T03:51:58.7+01:00",
        size: 23351828,
        status: "DONE",
        error: null,
      },
    };
    const document = { global: { config: {} }, servers: { pg: { backups, config: {}, status: {}, wals: {} } } };
    assert.deepEqual(await shown("barman", document), [
      ["20261125T035151", "completed", "2026-11-25T02:51:58.700Z", 23351828n],
    ]);
  });

  test("says what is wrong, and names one server", async () => {
    assert.match(await refusal("barman", { _ERROR: ["Unknown server 'nope'"] }), /Barman says: Unknown server/);
    assert.match(await refusal("barman", { a: [], b: [] }), /several servers: a, b/);
    assert.deepEqual(await shown("barman", { pg: [] }), []);
  });

  test("in the cloud tells times with a zone or without", async () => {
    assert.deepEqual(
      (await shown("barman-cloud", lists["barman-cloud"], "America/New_York")).map(([, , doneAt]) => doneAt),
      ["2026-11-24T01:05:00.000Z", "2026-11-23T06:05:00.000Z"],
    );
  });
});

describe("WAL-G", () => {
  test("counts the end; without --detail the outcome is unknown", async () => {
    assert.deepEqual(await shown("wal-g"), [
      ["base_000000010000000000000002", "completed", "2026-11-24T01:05:00.200Z", 22992593n],
      ["base_000000010000000000000004", "completed", "2026-11-25T01:05:00.200Z", 22992593n],
    ]);
    const plain = list("wal-g").map(({ backup_name, time }) => ({ backup_name, time }));
    assert.deepEqual(
      (await shown("wal-g", plain)).map(([, status]) => status),
      ["unknown", "unknown"],
    );
    const zero = list("wal-g").map((each) => ({ ...each, finish_time: "0001-01-01T00:00:00Z" }));
    assert.deepEqual(
      (await shown("wal-g", zero)).map(([, status]) => status),
      ["unknown", "unknown"],
    );
  });

  test("an empty store is an empty list, silence is not", async () => {
    assert.deepEqual(await shown("wal-g", "[]"), []);
    assert.match(await refusal("wal-g", ""), /^nothing came/);
  });

  test("wal-verify finds a gap", async () => {
    const gap = {
      integrity: { status: "FAILURE", details: [{ timeline_id: 1, start_segment: "A", status: "MISSING_LOST" }] },
    };
    const [backup] = await readBackups("wal-verify", gap);
    assert.equal(backup?.status, "failed");
    assert.match(backup.message, /MISSING_LOST/);
  });
});

test("pg_stat_archiver: the newest file, unless a failure came after it; before the first there is none", async () => {
  const row = lists.archiver as object;
  assert.deepEqual(await shown("archiver"), [
    ["000000010000000000000004", "completed", "2026-11-25T03:51:14.100Z", null],
  ]);
  const failed = { ...row, last_failed_wal: "000000010000000000000005", last_failed_time: "2026-11-25T04:00:00+00:00" };
  assert.deepEqual(await shown("archiver", failed), [
    ["000000010000000000000005", "failed", "2026-11-25T04:00:00.000Z", null],
  ]);
  assert.deepEqual(await shown("archiver", { ...row, last_archived_wal: null, last_archived_time: null }), []);
});

test("a local time that the clock showed twice is the earlier one; one that it leapt over is none too late", () => {
  const read = (text: string) => parseMomentText(text, "Europe/Berlin")?.toISOString();
  assert.equal(read("2026-10-25T02:30:00"), "2026-10-25T00:30:00.000Z");
  assert.equal(read("2026-03-29T02:30:00"), "2026-03-29T00:30:00.000Z");
  assert.equal(read("2026-07-01T02:30:00"), "2026-07-01T00:30:00.000Z");
  assert.equal(read("Wed Nov 25 03:51:58 2026"), "2026-11-25T02:51:58.000Z");
  for (const text of [
    "2026-02-30T00:00:00",
    "2026-11-25",
    "yesterday",
    "2026-11-25T25:00:00Z",
    "2026-11-25T00:00:00+99:00",
  ])
    assert.equal(read(text), undefined, text);
});
