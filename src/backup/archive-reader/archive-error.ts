import { BackupAwarenessError } from "../../contract/errors.ts";

/** It ends before it is whole. */
export function cutOff(what: string): BackupAwarenessError {
  return new BackupAwarenessError("ARCHIVE_TRUNCATED", `the archive is cut off: ${what}`, {
    hint: "it was not copied to its end, or the disk was full; take another copy of it, or another archive",
  });
}

/** Something in it is not what was written. */
export function damaged(what: string): BackupAwarenessError {
  return new BackupAwarenessError("ARCHIVE_DAMAGED", `the archive is damaged: ${what}`, {
    hint: "look at the disk and at the kernel's log; take another copy of it, or another archive",
  });
}

/** Something that belongs to it is not there. */
export function incomplete(what: string): BackupAwarenessError {
  return new BackupAwarenessError("ARCHIVE_INCOMPLETE", `the archive lacks something: ${what}`, {
    hint: "somebody may have taken it apart and packed it again; take the original, or another archive",
  });
}

/** It is something else altogether. */
export function foreign(what: string): BackupAwarenessError {
  return new BackupAwarenessError("ARCHIVE_FOREIGN", `this is no archive of engine-backup: ${what}`, {
    hint: "name an archive that engine-backup wrote, ours or oVirt's; engine-backup --list shows those that are there",
  });
}
