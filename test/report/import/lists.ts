import { createHash } from "node:crypto";
import type { ListKind } from "../../../src/report/import/read-list.ts";
import { readList } from "../../../src/report/import/read-list.ts";
import type { ListedBackup, ListingEntry } from "../../../src/report/import/listed-backup.ts";

const readAt = new Date("2026-11-25T12:00:00Z");

/** What a reader makes of a text. */
export async function readText(kind: ListKind, text: string, timeZone = "UTC"): Promise<ListingEntry[]> {
  const chunks = (async function* () {
    await Promise.resolve();
    yield Buffer.from(text);
  })();
  const entries: ListingEntry[] = [];
  for await (const entry of readList(kind, chunks, { readAt, timeZone })) entries.push(entry);
  return entries;
}

export async function readBackups(kind: ListKind, document: unknown, timeZone?: string): Promise<ListedBackup[]> {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  const entries = await readText(kind, text, timeZone);
  return entries.flatMap((entry) => ("backup" in entry ? [entry.backup] : []));
}

const id = (word: string): string => createHash("sha256").update(word).digest("hex");

/** A list of each kind as its tool prints it, with two backups at least. */
export const lists: Readonly<Record<ListKind, unknown>> = {
  restic: [
    {
      time: "2026-11-23T01:00:00.123456789+01:00",
      tree: id("tree"),
      paths: ["/srv"],
      hostname: "vm",
      username: "root",
      id: id("one"),
      short_id: id("one").slice(0, 8),
    },
    {
      time: "2026-11-24T01:00:00Z",
      paths: ["/srv"],
      hostname: "vm",
      program_version: "restic 0.17.3",
      summary: {
        backup_start: "2026-11-24T01:00:00Z",
        backup_end: "2026-11-24T01:10:00.5Z",
        total_files_processed: 12,
        total_bytes_processed: 9007199254740992,
      },
      id: id("two"),
      short_id: id("two").slice(0, 8),
    },
  ],
  borg: {
    archives: [
      {
        archive: "vm-1",
        name: "vm-1",
        id: id("1"),
        start: "2026-11-23T01:00:00.000000",
        time: "2026-11-23T01:00:00.000000",
        hostname: "vm",
        end: "2026-11-23T01:05:00.000000",
      },
      {
        archive: "vm-2.checkpoint",
        name: "vm-2.checkpoint",
        id: id("2"),
        start: "2026-11-24T01:00:00.000000",
        time: "2026-11-24T01:00:00.000000",
        hostname: "vm",
      },
      {
        archive: "vm-3",
        name: "vm-3",
        id: id("3"),
        start: "2026-11-24T02:00:00.000000",
        time: "2026-11-24T02:00:00.000000",
        hostname: "vm",
        end: "2026-11-24T02:05:00.000000",
      },
    ],
    encryption: { mode: "none" },
    repository: { id: id("repository"), last_modified: "2026-11-24T02:05:00.000000", location: "/b" },
  },
  pgbackrest: [
    {
      archive: [],
      backup: [
        {
          backrest: { format: 5, version: "2.45" },
          database: { id: 1, "repo-key": 1 },
          error: false,
          info: { size: 22992593 },
          label: "20261123-010000F",
          timestamp: { start: 1795395600, stop: 1795395900 },
          type: "full",
        },
        {
          backrest: { format: 5, version: "2.45" },
          database: { id: 1, "repo-key": 1 },
          error: true,
          info: { size: 22992593 },
          label: "20261123-010000F_20261124-010000I",
          timestamp: { start: 1795482000, stop: 1795482300 },
          type: "incr",
        },
      ],
      cipher: "none",
      db: [{ id: 1, "repo-key": 1, "system-id": 771195155913, version: "15" }],
      name: "demo",
      repo: [{ cipher: "none", key: 1, status: { code: 0, message: "ok" } }],
      status: { code: 0, lock: { backup: { held: false } }, message: "ok" },
    },
  ],
  barman: {
    pg: [
      {
        backup_id: "20261124T010000",
        end_time: "Tue Nov 24 01:05:00 2026",
        end_time_timestamp: "1795482300",
        size_bytes: 40129044,
        status: "DONE",
        size: "38.3 MiB",
      },
      { backup_id: "20261125T010000", status: "FAILED" },
    ],
  },
  "barman-cloud": {
    backups_list: [
      {
        backup_id: "20261124T010000",
        begin_time: "2026-11-24T01:00:00+00:00",
        end_time: "2026-11-24T01:05:00+00:00",
        size: 40129044,
        status: "DONE",
        error: null,
      },
      {
        backup_id: "20261123T010000",
        begin_time: "Mon Nov 23 01:00:00 2026",
        end_time: "Mon Nov 23 01:05:00 2026",
        size: 4,
        status: "DONE",
        error: null,
      },
    ],
  },
  "wal-g": [
    {
      backup_name: "base_000000010000000000000002",
      time: "2026-11-24T01:06:00Z",
      wal_file_name: "000000010000000000000002",
      storage_name: "default",
      start_time: "2026-11-24T01:00:00.1Z",
      finish_time: "2026-11-24T01:05:00.2Z",
      date_fmt: "%Y-%m-%dT%H:%M:%S.%fZ",
      hostname: "vm",
      data_dir: "/d",
      pg_version: 150018,
      start_lsn: 33554472,
      finish_lsn: 33554688,
      is_permanent: false,
      system_identifier: 771195155913,
      uncompressed_size: 22992593,
      compressed_size: 3056868,
    },
    {
      backup_name: "base_000000010000000000000004",
      time: "2026-11-25T01:06:00Z",
      wal_file_name: "000000010000000000000004",
      storage_name: "default",
      start_time: "2026-11-25T01:00:00.1Z",
      finish_time: "2026-11-25T01:05:00.2Z",
      uncompressed_size: 22992593,
    },
  ],
  "wal-verify": {
    integrity: {
      status: "OK",
      details: [
        {
          timeline_id: 1,
          start_segment: "000000010000000000000002",
          end_segment: "000000010000000000000009",
          segments_count: 8,
          status: "FOUND",
        },
      ],
    },
    timeline: { status: "OK", details: { current_timeline_id: 1, highest_storage_timeline_id: 1 } },
  },
  archiver: {
    archived_count: 5,
    last_archived_wal: "000000010000000000000004",
    last_archived_time: "2026-11-25T03:51:14.1+00:00",
    failed_count: 0,
    last_failed_wal: null,
    last_failed_time: null,
    stats_reset: "2026-11-25T03:50:46.1+00:00",
  },
};
