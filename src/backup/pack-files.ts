import { BackupAwarenessError } from "../contract/errors.ts";
import type { FileSelection } from "./file-selection.ts";
import { describeEnd, runProgram } from "./run-program.ts";

const versionTimeoutMs = 10_000;
/** How many unreadable files a failure names. */
const namedFiles = 10;
/** How many warnings are kept; the log has them all. */
const keptWarnings = 100;

export type TarProgram = { readonly program: string; readonly isGnu: boolean; readonly version: string };

export type PackRequest = {
  readonly tar: TarProgram;
  readonly selection: FileSelection;
  /** The administrator's patterns, as GNU tar's --exclude takes them. */
  readonly exclude: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly silenceLimitMs: number;
  readonly signal: AbortSignal;
  readonly onErrorLine: (line: string) => void;
};

/** The machine's tar: GNU's where there is one, under either name. Throws BACKUP_FAILED where there is none. */
export async function findTar(
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<TarProgram> {
  let other: TarProgram | null = null;
  for (const program of ["tar", "gtar"]) {
    try {
      let output = "";
      const call = {
        program,
        arguments: ["--version"],
        env,
        signal,
        silenceLimitMs: versionTimeoutMs,
        onErrorLine: () => undefined,
      };
      await runProgram(call, (data) => {
        output += data.toString("utf8");
        return Promise.resolve();
      });
      const [version = ""] = output.split("\n");
      if (version.includes("GNU tar")) return { program, isGnu: true, version };
      other ??= { program, isGnu: false, version };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BackupAwarenessError)) throw error;
    }
  }
  if (other !== null) return other;
  throw new BackupAwarenessError("BACKUP_FAILED", "no tar was found on PATH, which the scope files needs", {
    hint: "install GNU tar (Debian, Ubuntu: apt-get install tar)",
  });
}

function packArguments({ tar, selection, exclude }: Pick<PackRequest, "tar" | "selection" | "exclude">): string[] {
  // Relative to the root and with "./" before it, no name can be taken for an option.
  const names = selection.paths.map(nameInArchive);
  const leftOut = selection.leftOut.map((path) => `--exclude=${nameInArchive(path)}`);
  const patterns = exclude.map((pattern) => `--exclude=${pattern}`);
  if (!tar.isGnu) return ["-c", "-f", "-", ...patterns, ...leftOut, "-C", "/", "--", ...names];
  return [
    "--create",
    "--file=-",
    // pax: long names, times below a second, ACLs and extended attributes.
    "--format=posix",
    "--acls",
    "--xattrs",
    "--xattrs-include=*",
    "--sparse",
    // One line for each message, whatever the name.
    "--quoting-style=escape",
    ...patterns,
    // What follows is meant literally and from the root on.
    "--anchored",
    "--no-wildcards",
    ...leftOut,
    "--directory=/",
    "--",
    ...names,
  ];
}

/**
 * Packs files as a tar. Returns tar's warnings (a file that changed or vanished while it was read: exit code 1). Throws
 * BACKUP_FAILED, naming the files, where something could not be read.
 */
export async function packFiles(request: PackRequest, onData: (data: Buffer) => Promise<void>): Promise<string[]> {
  const { tar, env, signal, silenceLimitMs } = request;
  const warnings: string[] = [];
  const errors: string[] = [];
  let errorCount = 0;
  let warningCount = 0;
  const onErrorLine = (line: string) => {
    request.onErrorLine(line);
    const said = line.replace(/^[^:]*tar: /, "");
    if (isHarmless(said)) {
      warningCount++;
      if (warnings.length < keptWarnings) warnings.push(said);
    } else if (!/^(Exiting with failure status|Error exit delayed)/.test(said)) {
      errorCount++;
      if (errors.length < namedFiles) errors.push(said);
    }
  };
  const end = await runProgram(
    { program: tar.program, arguments: packArguments(request), env, signal, silenceLimitMs, onErrorLine },
    onData,
  );
  // GNU tar: 0 all well, 1 some files differ, 2 something failed.
  if (end.exitCode === 0 || (tar.isGnu && end.exitCode === 1)) {
    return warningCount > warnings.length
      ? [...warnings, `and ${warningCount - warnings.length} more warnings of tar`]
      : warnings;
  }
  if (end.exitCode === null || errors.length === 0)
    throw new BackupAwarenessError("BACKUP_FAILED", describeEnd("tar", end));
  const more = errorCount > errors.length ? `\nand ${errorCount - errors.length} more` : "";
  throw new BackupAwarenessError("BACKUP_FAILED", `tar could not read everything: ${errors.join("\n")}${more}`, {
    hint: "run as a user who may read these files, or name them in scopes.files.exclude in config.toml",
  });
}

function isHarmless(said: string): boolean {
  return /: (file changed as we read it|File removed before we read it|File shrank by \d+ bytes|socket ignored|file is unchanged)/.test(
    said,
  );
}

function nameInArchive(path: string): string {
  return `.${path === "/" ? "" : path}`;
}
