import type { BackupAwarenessError } from "../../contract/errors.ts";
import type { Scope } from "../../contract/scope.ts";
import { damaged, incomplete } from "../archive-reader/archive-error.ts";
import type { ArchiveDescription } from "../archive-reader/describe-archive.ts";
import type { ArchiveIndex } from "../archive-index.ts";
import { checksumProblems, parseChecksumList } from "../checksum-list.ts";
import type { Manifest } from "../manifest.ts";
import type { TableNames } from "./read-dump.ts";
import type { VerifiedMember } from "./verification.ts";

/** How many tables a message names. */
const namedTables = 5;

/**
 * Compares what was read of an archive with what the archive says of itself: its checksums, its index, its manifest. `demanded` are the scopes that must be there; empty: those that
 * were asked for when it was made.
 */
export function findProblems(
  members: readonly VerifiedMember[],
  description: ArchiveDescription,
  index: ArchiveIndex | null,
  demanded: readonly Scope[],
): BackupAwarenessError[] {
  const { manifest } = description;
  return [
    ...duplicateProblems(members),
    ...listProblems(members, description),
    ...(index === null ? [] : indexProblems(members, index)),
    ...(manifest === null ? [] : manifestProblems(members, manifest)),
    ...scopeProblems(members, manifest, demanded),
  ];
}

function duplicateProblems(members: readonly VerifiedMember[]): BackupAwarenessError[] {
  const names = members.map(({ name }) => name);
  const twice = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  return Array.from(twice, (name) => damaged(`${name} is in it more than once`));
}

function listProblems(members: readonly VerifiedMember[], { checksums }: ArchiveDescription): BackupAwarenessError[] {
  if (checksums === null) return [incomplete("it has no list of checksums, neither ./sha256sum nor ./md5sum")];
  const lists = ["./sha256sum", "./md5sum"];
  const digests = members
    .filter(({ name }) => !lists.includes(name))
    .map(({ name, sha256, md5 }) => ({ name, digest: checksums.algorithm === "sha256" ? sha256 : (md5 ?? "") }));
  try {
    return checksumProblems(
      digests,
      parseChecksumList(checksums.text).filter(({ name }) => !lists.includes(name)),
    );
  } catch (error) {
    return [error as BackupAwarenessError];
  }
}

function indexProblems(members: readonly VerifiedMember[], index: ArchiveIndex): BackupAwarenessError[] {
  const told = (each: readonly { readonly name: string; readonly sizeBytes: number }[]) =>
    each.map(({ name, sizeBytes }) => `${name} ${sizeBytes}`).join("\n");
  return told(members) === told(index.members) ? [] : [damaged("its index names other members than it has")];
}

function manifestProblems(members: readonly VerifiedMember[], manifest: Manifest): BackupAwarenessError[] {
  return Object.entries(manifest.scopes).flatMap(([scope, { member: name, sizeBytes, sha256, database }]) => {
    const member = members.find((each) => each.name === name);
    if (member === undefined) return [incomplete(`${name} is missing, which holds the scope ${scope}`)];
    if (member.sizeBytes !== sizeBytes || member.sha256 !== sha256)
      return [damaged(`${name} is not what the manifest says: ${sizeBytes} bytes with the SHA-256 ${sha256}`)];
    const tables = member.dump?.tablesWithData ?? null;
    return tables === null ? [] : tableProblems(name, tables, database?.rowCounts ?? {});
  });
}

function tableProblems(
  member: string,
  tables: TableNames,
  rowCounts: Readonly<Record<string, number | null>>,
): BackupAwarenessError[] {
  const missing = Object.entries(rowCounts)
    .filter(([table, rows]) => rows !== null && !tables.has(...unquoted(table)))
    .map(([table]) => table);
  if (missing.length === 0) return [];
  const more = missing.length > namedTables ? ` and ${missing.length - namedTables} more` : "";
  return [
    damaged(
      `${member} lacks the rows of ${missing.slice(0, namedTables).join(", ")}${more}, which the manifest counts`,
    ),
  ];
}

function scopeProblems(
  members: readonly VerifiedMember[],
  manifest: Manifest | null,
  demanded: readonly Scope[],
): BackupAwarenessError[] {
  const wanted = demanded.filter((scope) => scope !== "all");
  const asked = wanted.length > 0 ? wanted : (manifest?.askedScopes ?? []);
  const there = new Set(members.map(({ scope }) => scope));
  const missing = asked.filter((scope) => !there.has(scope));
  if (missing.length > 0 && wanted.length === 0)
    return [
      incomplete(
        `the scopes ${missing.join(", ")} were asked for and are not in it: their backup failed when it was made`,
      ),
    ];
  return missing.map((scope) => incomplete(`the scope ${scope} is not in it`));
}

/** `public."a ""b"""` → `public`, `a "b"` */
function unquoted(table: string): [schema: string, name: string] {
  const parts = table.match(/"(?:[^"]|"")*"|[^."]+/g) ?? [];
  const [schema = "", name = ""] = parts.map((part) =>
    part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part,
  );
  return [schema, name];
}
