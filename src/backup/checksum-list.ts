import { damaged, incomplete } from "./archive-reader/archive-error.ts";
import type { BackupAwarenessError } from "../contract/errors.ts";

export type MemberChecksum = { readonly name: string; readonly sha256: string };

/** A line of `sha256sum` or `md5sum`. */
export type ListedChecksum = { readonly name: string; readonly digest: string };

/** As `sha256sum` prints it, so that `sha256sum -c` reads it. Names hold neither newline nor backslash. */
export function formatChecksumList(members: readonly MemberChecksum[]): string {
  return members.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join("");
}

/** What sha256sum or md5sum has written, each name as in our own archives: `./files`. Throws ARCHIVE_DAMAGED where a line is none of theirs. */
export function parseChecksumList(text: string): ListedChecksum[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, digest, name] = /^([0-9a-f]{64}|[0-9a-f]{32}) [ *](.+)$/.exec(line) ?? [];
      if (digest === undefined || name === undefined)
        throw damaged(`its list of checksums holds "${line.slice(0, 200)}"`);
      return { name: name.startsWith("./") ? name : `./${name}`, digest };
    });
}

/** What differs between the members as they were read and the list: changed, missing, or not listed. */
export function checksumProblems(
  members: readonly ListedChecksum[],
  list: readonly ListedChecksum[],
): BackupAwarenessError[] {
  const listed = new Map(list.map(({ name, digest }) => [name, digest]));
  const problems: BackupAwarenessError[] = [];
  for (const { name, digest } of members) {
    const expected = listed.get(name);
    if (expected === undefined) problems.push(damaged(`its list of checksums does not name ${name}`));
    else if (expected !== digest)
      problems.push(damaged(`${name} has not the checksum that was written (${expected}) but ${digest}`));
    listed.delete(name);
  }
  return [...problems, ...Array.from(listed.keys(), (name) => incomplete(`${name} is missing`))];
}
