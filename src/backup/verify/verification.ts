import type { BackupAwarenessError } from "../../contract/errors.ts";
import type { Scope } from "../../contract/scope.ts";
import type { ArchiveDescription } from "../archive-reader/describe-archive.ts";
import type { Archive } from "../archive-reader/open-archive.ts";
import type { ReadBackWay } from "../direct-read.ts";
import type { ReadDump } from "./read-dump.ts";
import type { ReadFiles } from "./read-files.ts";

/** A member, read to its end. */
export type VerifiedMember = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Of archives that are not our own, whose lists may be md5sum's. */
  readonly md5: string | null;
  readonly scope: Scope | null;
  /** null: it is no dump, or could not be read as one. */
  readonly dump: ReadDump | null;
  readonly files: ReadFiles | null;
};

/** What reading a whole archive has shown. */
export type Verification = {
  readonly archive: Archive;
  /** null: not so much of it could be read. */
  readonly description: ArchiveDescription | null;
  readonly way: ReadBackWay;
  readonly members: readonly VerifiedMember[];
  /** Empty: it is whole, as far as reading shows. */
  readonly problems: readonly BackupAwarenessError[];
  readonly durationMs: number;
};
