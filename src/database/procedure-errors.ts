import { BackupAwarenessError, type ErrorCode } from "../contract/errors.ts";

/** SQLSTATEs of our own procedures (sql/procedures) and what they mean here. */
const ownStates: Readonly<Record<string, ErrorCode>> = {
  BA001: "ENGINE_UNKNOWN",
  BA002: "ALERT_UNKNOWN",
  BA003: "OPTION_UNKNOWN",
  BA051: "CHANNEL_UNKNOWN",
  BA052: "CHANNEL_INVALID",
  BA053: "RULE_UNKNOWN",
  BA054: "MAINTENANCE_UNKNOWN",
  BA041: "TOKEN_UNKNOWN",
  BA042: "USER_UNKNOWN",
};

const unreachableCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "ENOTFOUND",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "EAI_AGAIN",
]);

type CodedError = Error & { readonly code?: unknown; readonly hint?: unknown; readonly errors?: readonly unknown[] };

/** Whether an error says that the database cannot be reached now, so that trying again later makes sense. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof BackupAwarenessError) return error.code === "DATABASE_UNREACHABLE";
  const { code, errors, message } = error as CodedError;
  if (errors?.some(isUnreachable)) return true;
  if (typeof code === "string") {
    // Class 08: connection; 57P01 to 57P03: shut down, crashed, starting; 53300: no connection left; 25006: a standby.
    return (
      unreachableCodes.has(code) ||
      code.startsWith("08") ||
      /^57P0[1-5]$/.test(code) ||
      code === "53300" ||
      code === "25006"
    );
  }
  return /connection (terminated|ended)|client has encountered a connection error|timeout (expired|exceeded)|client was closed/i.test(
    message,
  );
}

/**
 * Calls the database and says its errors in our words. `invalid` is what a refused argument (SQLSTATE 22023, and values
 * that are no time or number at all) means for the caller.
 */
export async function callProcedure<T>(invalid: ErrorCode, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw explained(error, invalid);
  }
}

function explained(error: unknown, invalid: ErrorCode): unknown {
  if (error instanceof BackupAwarenessError || !(error instanceof Error)) return error;
  const { code, hint } = error as CodedError;
  const withHint = typeof hint === "string" ? { hint, cause: error } : { cause: error };
  if (isUnreachable(error)) {
    return new BackupAwarenessError("DATABASE_UNREACHABLE", `the database does not answer: ${error.message}`, {
      hint: "Is it running? `backup-awareness doctor` looks closer.",
      cause: error,
    });
  }
  if (typeof code !== "string") return error;
  const own = ownStates[code];
  if (own) return new BackupAwarenessError(own, error.message, withHint);
  if (
    code === "22023" ||
    code === "22007" ||
    code === "22008" ||
    code === "22003" ||
    code === "22021" ||
    code === "22P02" ||
    code === "22P05"
  ) {
    return new BackupAwarenessError(invalid, error.message, withHint);
  }
  if (code === "55P03" || code === "40001" || code === "40P01" || code === "57014")
    return new BackupAwarenessError("DATABASE_BUSY", error.message, withHint);
  if (code === "42501") {
    return new BackupAwarenessError("DATABASE_RIGHTS", `the database role may not do this: ${error.message}`, {
      hint: "`grant backup_awareness to` the login that this program uses.",
      cause: error,
    });
  }
  if (code === "3F000" || code === "42883" || code === "42P01") {
    return new BackupAwarenessError(
      "DATABASE_OLDER",
      `the database has not been migrated to this program's version: ${error.message}`,
      {
        hint: "Run `backup-awareness database migrate`.",
        cause: error,
      },
    );
  }
  return error;
}
