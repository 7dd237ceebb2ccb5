import { readdir } from "node:fs/promises";
import type { ScopeSettings } from "../settings/settings.ts";
import type { ArchiveWriter } from "./archive-writer.ts";
import type { BackupMeans } from "./backup-run.ts";
import { withoutOwnSettings } from "./database-environment.ts";
import { isWithin, selectFiles } from "./file-selection.ts";
import type { ManifestScope } from "./manifest.ts";
import { findTar, packFiles } from "./pack-files.ts";

export type FilesBackup = {
  readonly tool: string;
  readonly files: NonNullable<ManifestScope["files"]>;
  readonly warnings: readonly string[];
};

export type FilesBackupRequest = {
  readonly settings: Extract<ScopeSettings, { readonly kind: "files" }>;
  readonly home: string;
  readonly archiveDirectory: string;
  /** The archive's last name, its name while it is made, its lock. */
  readonly ownFiles: readonly string[];
  readonly onBytes: (bytes: number) => void;
};

/** Packs the configured paths, as a tar, into the member that is open. */
export async function backUpFiles(
  request: FilesBackupRequest,
  writer: ArchiveWriter,
  means: BackupMeans,
): Promise<FilesBackup> {
  const env = withoutOwnSettings(means.env);
  const { paths, exclude } = request.settings;
  const selection = await selectFiles({
    paths,
    home: request.home,
    archiveDirectory: request.archiveDirectory,
    ownFiles: request.ownFiles,
  });
  const tar = await findTar(env, means.signal);
  means.log.info(`${tar.program}: ${tar.version}`);
  means.log.info(`packing ${selection.paths.map((path) => JSON.stringify(path)).join(", ")}`);
  if (selection.leftOut.length > 0)
    means.log.info(`leaving out ${selection.leftOut.map((path) => JSON.stringify(path)).join(", ")}`);
  const warnings = tar.isGnu
    ? []
    : [`${tar.program} is not GNU tar: ACLs, extended attributes and holes of sparse files may not be kept`];
  for (const path of selection.paths) {
    // A file system that was not mounted looks like this.
    if ((await readdir(path).catch(() => null))?.length === 0)
      warnings.push(`"${path}" is an empty directory: is what belongs there mounted?`);
  }
  const [archive] = request.ownFiles;
  if (
    archive !== undefined &&
    !isWithin(archive, request.archiveDirectory) &&
    selection.paths.some((path) => isWithin(archive, path))
  ) {
    warnings.push(
      `the archive lies among the files that it protects ("${archive}"): older ones beside it are packed into newer ones`,
    );
  }
  const onErrorLine = (line: string) => {
    means.log.warn(`tar: ${line}`);
  };
  const call = {
    tar,
    selection,
    exclude,
    env,
    silenceLimitMs: means.limits.silenceLimitMs,
    signal: means.signal,
    onErrorLine,
  };
  const said = await packFiles(call, async (data) => {
    await writer.write(data);
    request.onBytes(data.length);
  });
  return {
    tool: tar.version,
    files: { paths: selection.paths, exclude, leftOut: selection.leftOut },
    warnings: [...warnings, ...said],
  };
}
