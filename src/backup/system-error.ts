const texts: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be larger than the limit for files (ulimit -f, or the file system's)",
  EIO: "input/output error of the device",
  ENOENT: "no such file or directory",
  ENOTDIR: "a part of the path is no directory",
  EISDIR: "it is a directory",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many open files",
};

/** The system's error code, as `ENOSPC`; null: the error has none. */
export function systemErrorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** What went wrong with a file, in an administrator's words. */
export function systemErrorText(error: unknown): string {
  const code = systemErrorCode(error);
  return (code === null ? undefined : texts[code]) ?? (error instanceof Error ? error.message : String(error));
}
