import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { exitCodeRulesOf, statusOfExitCode } from "../../src/report/exit-code-rules.ts";
import { readToolSummary } from "../../src/report/tool-summary.ts";

describe("what a tool says at its end, as it was recorded", () => {
  test("restic 0.14, text", () => {
    const output = `using parent snapshot 04f72bec

Files:           0 new,     0 changed,    12 unmodified
Dirs:            0 new,     0 changed,     1 unmodified
Added to the repository: 0 B   (0 B   stored)

processed 12 files, 1.500 KiB in 0:00
snapshot 2e8a722a saved`;
    assert.deepEqual(readToolSummary("/usr/bin/restic", output), {
      sizeBytes: 1536,
      fileCount: 12,
      archive: "2e8a722a",
    });
  });

  test("restic, JSON; a run that made no snapshot is held by its parent", () => {
    const line =
      '{"message_type":"summary","files_new":1,"total_files_processed":1,"total_bytes_processed":3,"total_duration":0.2,"snapshot_id":"04f72bec"}';
    assert.deepEqual(readToolSummary("restic", `{"message_type":"status"}\n${line}\n`), {
      sizeBytes: 3,
      fileCount: 1,
      archive: "04f72bec",
    });
    assert.equal(
      readToolSummary("restic", "using parent snapshot 04f72bec\nskipped creating snapshot\n").archive,
      "04f72bec",
    );
  });

  test("borg 1, text and JSON", () => {
    const text = `Archive name: two
Number of files: 1
                       Original size      Compressed size    Deduplicated size
This archive:                1.48 kB                456 B                450 B`;
    assert.deepEqual(readToolSummary("borg", text), { sizeBytes: 1480, fileCount: 1, archive: "two" });
    const json = `a warning\n{\n    "archive": {\n "name": "one", "stats": {"nfiles": 1, "original_size": 478}\n }\n}\n`;
    assert.deepEqual(readToolSummary("borg", json), { sizeBytes: 478, fileCount: 1, archive: "one" });
  });

  test("pgBackRest, which ends with 0 where pages are damaged", () => {
    const output = `2026-11-25 03:51:12.315 P00   INFO: check archive for prior segment 000000010000000000000003
WARN: invalid page checksum found in file /var/lib/postgresql/15/main/base/5/16384 at page 1
2026-11-25 03:51:13.946 P00   INFO: new backup label = 20261125-035047F_20261125-035111I
2026-11-25 03:51:13.999 P00   INFO: incr backup size = 1.5MB, file total = 965`;
    assert.deepEqual(readToolSummary("pgbackrest", output), {
      sizeBytes: 1572864,
      fileCount: 965,
      archive: "20261125-035047F_20261125-035111I",
      fault: "invalid page checksum found in file /var/lib/postgresql/15/main/base/5/16384 at page 1",
    });
  });

  test("Barman", () => {
    const output = `Starting backup using postgres method for server pg in /var/lib/barman/pg/base/20261125T035151
Starting backup copy via pg_basebackup for 20261125T035151
Backup size: 22.3 MiB
Backup completed (start time: 2026-11-25 03:51:51.815754, elapsed time: 7 seconds)`;
    assert.deepEqual(readToolSummary("barman", output), { sizeBytes: 23383245, archive: "20261125T035151" });
  });

  test("nothing is read out of another tool's words, or of broken JSON", () => {
    assert.deepEqual(readToolSummary("pg_dump", "processed 12 files, 3 B\nsnapshot 2e8a722a saved"), {});
    assert.deepEqual(readToolSummary("borg", "{\n nonsense\n}"), {});
    assert.deepEqual(readToolSummary("restic", '{"message_type":"summary", nonsense'), {});
  });
});

describe("an exit code", () => {
  const nothingAsked = { completed: null, incomplete: null };
  const status = (command: string, code: number, asked: Parameters<typeof exitCodeRulesOf>[1] = nothingAsked) =>
    statusOfExitCode(exitCodeRulesOf(command, asked), code);

  test("of restic 3 and of borg 1 is incomplete, unless told otherwise", () => {
    assert.equal(status("restic", 3), "incomplete");
    assert.equal(status("/opt/restic", 1), "failed");
    assert.equal(status("borg", 1), "incomplete");
    assert.equal(status("borg", 2), "failed");
    assert.equal(status("borg", 107), "incomplete");
    assert.equal(status("sh", 3), "failed");
    assert.equal(status("borg", 1, { completed: [0, 1], incomplete: null }), "completed");
    assert.equal(status("sh", 7, { completed: null, incomplete: [7] }), "incomplete");
    assert.equal(status("restic", 3, { completed: null, incomplete: [] }), "failed");
  });

  test("that stands in both lists is incomplete; 0 can be taken out", () => {
    assert.equal(status("sh", 2, { completed: [0, 2], incomplete: [2] }), "incomplete");
    assert.equal(status("sh", 0, { completed: [1], incomplete: null }), "failed");
  });
});
