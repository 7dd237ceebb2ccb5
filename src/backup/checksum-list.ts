import { BackupAwarenessError } from "../contract/errors.ts";

export type MemberChecksum = { readonly name: string; readonly sha256: string };

/** As `sha256sum` prints it, so that `sha256sum -c` reads it. Names hold neither newline nor backslash. */
export function formatChecksumList(members: readonly MemberChecksum[]): string {
  return members.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join("");
}

/** Throws BACKUP_FAILED where a line is none of sha256sum's. */
export function parseChecksumList(text: string): MemberChecksum[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, sha256, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
      if (sha256 === undefined || name === undefined) {
        throw new BackupAwarenessError(
          "BACKUP_FAILED",
          `the archive's list of checksums is damaged: "${line.slice(0, 200)}"`,
        );
      }
      return { name, sha256 };
    });
}
