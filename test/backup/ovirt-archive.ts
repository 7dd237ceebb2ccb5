import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export type OvirtCompressor = "gzip" | "bzip2" | "xz" | "None";
const tarLetters: Readonly<Record<OvirtCompressor, string>> = { gzip: "z", bzip2: "j", xz: "J", None: "" };

export type OvirtArchive = {
  readonly archiveCompressor: OvirtCompressor;
  /** Packed as oVirt does, relative to the root; absent: no scope files. */
  readonly files?: { readonly directory: string; readonly compressor: OvirtCompressor };
  /** By scope: the dump, and how it is compressed on its own. */
  readonly dumps?: Readonly<
    Partial<
      Record<
        "engine_backup" | "dwh_backup" | "reports_backup",
        { readonly path: string; readonly compressor: OvirtCompressor; readonly format: "plain" | "custom" }
      >
    >
  >;
  readonly checksums?: "md5sum" | "sha256sum";
};

/**
 * Makes an archive as oVirt's engine-backup does, with the programs that it uses: the members in a directory, their checksums by md5sum or
 * sha256sum, all packed by `tar -cpS`. Returns the archive's path.
 */
export async function makeOvirtArchive(directory: string, archive: OvirtArchive): Promise<string> {
  const [members, path] = [join(directory, "tar"), join(directory, "engine.backup")];
  await mkdir(join(members, "db"), { recursive: true });
  if (archive.files !== undefined) {
    const { directory: packed, compressor } = archive.files;
    await run("tar", ["-C", "/", `-cpS${tarLetters[compressor]}f`, join(members, "files"), packed.replace(/^\//, "")]);
  }
  const config: string[] = [];
  for (const [name, { path: dump, compressor, format }] of Object.entries(archive.dumps ?? {})) {
    const target = join(members, "db", `${name}.db`);
    const command = compressor === "None" ? 'cat "$1"' : '"$0" -c "$1"';
    await run("sh", ["-c", `${command} > "$2"`, compressor, dump, target]);
    const prefix = { engine_backup: "", dwh_backup: "DWH_", reports_backup: "REPORTS_" }[name] ?? "";
    config.push(
      `${prefix}DB_DUMP_COMPRESSOR=${compressor === "None" ? "" : compressor}`,
      `${prefix}DB_DUMP_FORMAT=${format}`,
    );
  }
  await writeFile(join(members, "version"), "4.5.6\n");
  await writeFile(join(members, "os_version"), "centos8\n");
  await writeFile(join(members, "config"), `${config.join("\n")}\n`);
  const sum = archive.checksums ?? "sha256sum";
  const list = `find . -type f ! -name ${sum} -printf '%P\\n' | while read -r file; do ${sum} "$file"; done > ${sum}.new && mv ${sum}.new ${sum}`;
  await run("sh", ["-c", list.replace("-printf", `! -name ${sum}.new -printf`)], { cwd: members });
  await run("tar", ["-C", members, `-cpS${tarLetters[archive.archiveCompressor]}f`, path, "."]);
  return path;
}
