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

/** With `isPacking` false, what is asked for is no more than the names of the selection's own paths. */
function packArguments(
  { tar, selection, exclude }: Pick<PackRequest, "tar" | "selection" | "exclude">,
  isPacking = true,
): string[] {
  // Relative to the root and with "./" before it, no name can be taken for an option.
  const names = selection.paths.map(nameInArchive);
  const leftOut = selection.leftOut.map((path) => `--exclude=${nameInArchive(path)}`);
  // Names are relative to the root: a pattern that begins there does as well, or it would match nothing.
  const patterns = exclude.map((pattern) => `--exclude=${pattern.startsWith("/") ? `.${pattern}` : pattern}`);
  if (!tar.isGnu) return ["-c", "-f", "-", ...patterns, ...leftOut, "-C", "/", "--", ...names];
  return [
    "--create",
    isPacking ? "--file=-" : "--file=/dev/null",
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
    // Before a pattern, --no-recursion would keep it from matching what lies below a name.
    ...(isPacking ? [] : ["--verbose", "--no-recursion"]),
    "--directory=/",
    "--",
    ...names,
  ];
}

/**
 * Packs files as a tar; a piece is valid until the taker's promise resolves. Returns tar's warnings (a file that changed or vanished
 * while it was read: exit code 1). Throws BACKUP_FAILED, naming the files, where something could not be read.
 */
export async function packFiles(request: PackRequest, onData: (data: Buffer) => Promise<void>): Promise<string[]> {
  const { tar, signal, silenceLimitMs } = request;
  const env = withoutTarOptions(request.env);
  await demandNoneLeftOut(request);
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
  const call = { program: tar.program, arguments: packArguments(request), env, signal, silenceLimitMs, onErrorLine };
  const end = await runProgram({ ...call, lendsData: true }, onData);
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

/**
 * tar matches a pattern with every part of a name: "cache" leaves out all of /var/cache/myapp, without a word. Only GNU tar can be asked beforehand.
 */
async function demandNoneLeftOut(request: PackRequest): Promise<void> {
  const { tar, exclude, selection, signal, silenceLimitMs } = request;
  if (!tar.isGnu || exclude.length === 0) return;
  const env = withoutTarOptions(request.env);
  for (const path of selection.paths) {
    const asked = { tar, exclude, selection: { paths: [path], leftOut: [] } };
    // Into /dev/null GNU tar writes no content, so that it reads none; the names go to standard output.
    const call = { program: tar.program, arguments: packArguments(asked, false), env, signal, silenceLimitMs };
    let namesBytes = 0;
    const end = await runProgram({ ...call, onErrorLine: () => undefined }, (data) => {
      namesBytes += data.length;
      return Promise.resolve();
    });
    // What else is wrong tar says when it packs.
    if (namesBytes > 0 || end.exitCode !== 0) continue;
    throw new BackupAwarenessError(
      "BACKUP_FAILED",
      `the path "${path}" of the scope files is left out as a whole by a pattern of scopes.files.exclude`,
      { hint: `narrow the pattern: one that begins with / is meant from the root on, as "${path}/cache"` },
    );
  }
}

/** What tar does is what we say, whatever the environment adds. */
export function withoutTarOptions(env: PackRequest["env"]): PackRequest["env"] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== "TAR_OPTIONS"));
}

function isHarmless(said: string): boolean {
  return /: (file changed as we read it|File removed before we read it|File shrank by \d+ bytes|socket ignored|file is unchanged)/.test(
    said,
  );
}

function nameInArchive(path: string): string {
  return `.${path === "/" ? "" : path}`;
}
