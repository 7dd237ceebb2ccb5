import type { Scope } from "../../contract/scope.ts";
import type { Manifest } from "../manifest.ts";
import { parseManifest } from "../parse-manifest.ts";
import { scopeOfMember } from "../plan.ts";
import { foreign } from "./archive-error.ts";
import { memberName, readMember, readMembers, type Archive, type ReadingMeans } from "./open-archive.ts";
import { readSmallMember } from "./small-member.ts";

/** Members that say something of the archive, and hold none of the application's data. */
const smallMembers = ["./version", "./os_version", "./config", "./manifest.json", "./sha256sum", "./md5sum"] as const;
type SmallMember = (typeof smallMembers)[number];

/** What an archive says of itself: nothing of it is proven. */
export type ArchiveDescription = {
  /** null: oVirt's engine-backup writes none. */
  readonly manifest: Manifest | null;
  /** Of the program that wrote it; null: it does not say. */
  readonly programVersion: string | null;
  readonly osVersion: string | null;
  /** The lines of `./config`, which is never executed: `DB_DUMP_FORMAT` → `custom`. */
  readonly config: ReadonlyMap<string, string>;
  /** What `./sha256sum` or `./md5sum` holds; null: there is none. */
  readonly checksums: { readonly algorithm: "sha256" | "md5"; readonly text: string } | null;
  readonly members: readonly DescribedMember[];
};

export type DescribedMember = {
  readonly name: string;
  readonly sizeBytes: number;
  /** Whose data it holds; null: it is about the archive itself. */
  readonly scope: Scope | null;
};

/**
 * Reads what an archive says of itself: of our own only the index and a few small members, of others all of it. Throws ARCHIVE_FOREIGN where it is a tar, but none of engine-backup,
 * and ARCHIVE_…
 */
export async function describeArchive(archive: Archive, means: ReadingMeans): Promise<ArchiveDescription> {
  const texts = new Map<string, string>();
  const members: DescribedMember[] = [];
  if (archive.index !== null) {
    for (const { name, sizeBytes } of archive.index.members) {
      members.push({ name, sizeBytes, scope: scopeOfMember(name) });
      if (isSmallMember(name)) texts.set(name, await readSmallMember(name, readMember(archive, name, means)));
    }
  } else {
    for await (const entry of readMembers(archive, means)) {
      const name = memberName(entry);
      if (entry.kind !== "file") continue;
      members.push({ name, sizeBytes: entry.sizeBytes, scope: scopeOfMember(name) });
      if (isSmallMember(name)) texts.set(name, await readSmallMember(name, entry.content));
    }
  }
  return describe(members, texts);
}

/** The same from members that have been read already: their names and sizes, and the texts of the small ones. */
export function describe(members: readonly DescribedMember[], texts: ReadonlyMap<string, string>): ArchiveDescription {
  const manifest = texts.get("./manifest.json");
  const [sha256, md5] = [texts.get("./sha256sum"), texts.get("./md5sum")];
  if (
    manifest === undefined &&
    sha256 === undefined &&
    md5 === undefined &&
    !members.some(({ scope }) => scope !== null)
  )
    throw foreign("it is a tar, but none of the members is one that engine-backup writes");
  return {
    manifest: manifest === undefined ? null : parseManifest(manifest),
    programVersion: texts.get("./version")?.trim() ?? null,
    osVersion: texts.get("./os_version")?.trim() ?? null,
    config: parseConfig(texts.get("./config") ?? ""),
    checksums:
      sha256 !== undefined
        ? { algorithm: "sha256", text: sha256 }
        : md5 !== undefined
          ? { algorithm: "md5", text: md5 }
          : null,
    members,
  };
}

export function isSmallMember(name: string): name is SmallMember {
  return (smallMembers as readonly string[]).includes(name);
}

/** A shell's assignments, of which oVirt's restore makes variables by executing the file. Here they are words. */
function parseConfig(text: string): Map<string, string> {
  const assignments = text.matchAll(/^\s*([A-Z][A-Z0-9_]{0,99})=(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"';]*))\s*$/gm);
  return new Map(
    Array.from(assignments, ([, name = "", inDouble, inSingle, bare]) => [name, inDouble ?? inSingle ?? bare ?? ""]),
  );
}
