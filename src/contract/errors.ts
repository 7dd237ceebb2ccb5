/**
 * Every error that this program raises on purpose: its HTTP status, its exit code (design of the exit codes:
 * 0 done, 1 it failed, 2 wrong usage) and what it means. docs/errors.md is compared with it by a test.
 */
// prettier-ignore
export const errorCatalogue = {
  USAGE: { httpStatus: 400, exitCode: 2, meaning: "a command was called with words it does not know" },
  SETTINGS_INVALID: { httpStatus: 500, exitCode: 1, meaning: "config.toml or the environment holds a setting that cannot be used" },
  OPTION_UNKNOWN: { httpStatus: 404, exitCode: 1, meaning: "no option of that name" },
  OPTION_INVALID: { httpStatus: 422, exitCode: 1, meaning: "an option's value is out of its range or of another type" },
  REPORT_INVALID: { httpStatus: 422, exitCode: 1, meaning: "a report that the database refuses; nothing was written" },
  ENGINE_UNKNOWN: { httpStatus: 404, exitCode: 1, meaning: "no engine of that name is known" },
  ENGINE_INVALID: { httpStatus: 422, exitCode: 1, meaning: "an engine's name or required scopes cannot be used" },
  ALERT_UNKNOWN: { httpStatus: 404, exitCode: 1, meaning: "no open alert has that number" },
  DATABASE_UNREACHABLE: { httpStatus: 503, exitCode: 1, meaning: "the database does not answer" },
  DATABASE_BUSY: { httpStatus: 503, exitCode: 1, meaning: "a lock was not given in time" },
  DATABASE_NEWER: { httpStatus: 503, exitCode: 1, meaning: "the database was migrated by a newer program" },
  DATABASE_OLDER: { httpStatus: 503, exitCode: 1, meaning: "the database has not been migrated to this program's version" },
  DATABASE_RIGHTS: { httpStatus: 503, exitCode: 1, meaning: "the database role lacks a right that this needs" },
  DATABASE_UNSUPPORTED: { httpStatus: 503, exitCode: 1, meaning: "the PostgreSQL server is too old" },
  MIGRATION_CHANGED: { httpStatus: 500, exitCode: 1, meaning: "a migration that has been applied was edited afterwards" },
  POSTGRES_MISSING: { httpStatus: 500, exitCode: 1, meaning: "no PostgreSQL program that could be used was found" },
  POSTGRES_FAILED: { httpStatus: 500, exitCode: 1, meaning: "the embedded PostgreSQL server could not be made, started or stopped" },
  HOME_IN_USE: { httpStatus: 500, exitCode: 1, meaning: "another daemon works on the same home" },
  HOME_UNUSABLE: { httpStatus: 500, exitCode: 1, meaning: "the home cannot be created or written" },
  SCOPE_UNCONFIGURED: { httpStatus: 422, exitCode: 1, meaning: "a scope was asked for that the settings do not describe" },
  BACKUP_FAILED: { httpStatus: 500, exitCode: 1, meaning: "a backup, or a part of it, was not made" },
  BACKUP_RUNNING: { httpStatus: 409, exitCode: 1, meaning: "another engine-backup is at work on the same archive directory" },
  ARCHIVE_TRUNCATED: { httpStatus: 422, exitCode: 1, meaning: "an archive ends before it is whole" },
  ARCHIVE_DAMAGED: { httpStatus: 422, exitCode: 1, meaning: "an archive, or a part of it, is not what was written" },
  ARCHIVE_INCOMPLETE: { httpStatus: 422, exitCode: 1, meaning: "something that belongs to an archive is not in it" },
  ARCHIVE_FOREIGN: { httpStatus: 422, exitCode: 1, meaning: "a file is no archive of engine-backup, neither ours nor oVirt's" },
  ARCHIVE_UNREADABLE: { httpStatus: 500, exitCode: 1, meaning: "an archive cannot be read: the file, the device, or a program that decompresses it is missing" },
  RESTORE_REFUSED: { httpStatus: 409, exitCode: 1, meaning: "a check before a restore failed; nothing was touched" },
  RESTORE_FAILED: { httpStatus: 500, exitCode: 1, meaning: "a restore was not done; its message says what state is there" },
  RESTORE_RUNNING: { httpStatus: 409, exitCode: 1, meaning: "another engine-backup is restoring the same" },
  SPOOL_FAILED: { httpStatus: 500, exitCode: 1, meaning: "a report could neither be recorded nor kept for later" },
  CHANNEL_UNKNOWN: { httpStatus: 404, exitCode: 1, meaning: "no channel of that name" },
  CHANNEL_INVALID: { httpStatus: 422, exitCode: 1, meaning: "a channel's name or configuration cannot be used, or the name is taken" },
  CHANNEL_FAILED: { httpStatus: 502, exitCode: 1, meaning: "a channel's other side refused a message, or could not be reached" },
  RULE_UNKNOWN: { httpStatus: 404, exitCode: 1, meaning: "no notification rule has that number" },
  RULE_INVALID: { httpStatus: 422, exitCode: 1, meaning: "a notification rule that cannot be used" },
  MAINTENANCE_UNKNOWN: { httpStatus: 404, exitCode: 1, meaning: "no maintenance window has that number" },
  MAINTENANCE_INVALID: { httpStatus: 422, exitCode: 1, meaning: "a maintenance window that cannot be used" },
  SECRETS_UNREADABLE: { httpStatus: 500, exitCode: 1, meaning: "the key of the channels' secrets is missing, or is another one" },
  USER_UNKNOWN: { httpStatus: 404, exitCode: 1, meaning: "no user of that name" },
  USER_INVALID: { httpStatus: 422, exitCode: 1, meaning: "a user's name, role or password cannot be used, or the change would leave no admin" },
  SIGN_IN_FAILED: { httpStatus: 401, exitCode: 1, meaning: "name, password, second factor or link is wrong" },
  SECOND_FACTOR_REQUIRED: { httpStatus: 401, exitCode: 1, meaning: "the password is right, and the second factor must be given with it" },
  TOO_MANY_REQUESTS: { httpStatus: 429, exitCode: 1, meaning: "too many tries; the header Retry-After says when the next may come" },
  ORIGIN_REFUSED: { httpStatus: 403, exitCode: 1, meaning: "a browser sent a change from another site's page" },
  TOKEN_UNKNOWN: { httpStatus: 404, exitCode: 1, meaning: "no token has that number" },
  TOKEN_INVALID: { httpStatus: 422, exitCode: 1, meaning: "a token's name, kind, engine or expiry cannot be used" },
  REQUEST_INVALID: { httpStatus: 400, exitCode: 1, meaning: "a request that is not as the API's description says" },
  REQUEST_TOO_LARGE: { httpStatus: 413, exitCode: 1, meaning: "a request's body is larger than the server takes" },
  MEDIA_TYPE_UNSUPPORTED: { httpStatus: 415, exitCode: 1, meaning: "a request's body is no application/json" },
  NOT_FOUND: { httpStatus: 404, exitCode: 1, meaning: "nothing is at that path" },
  NOT_SIGNED_IN: { httpStatus: 401, exitCode: 1, meaning: "the request bears no session or token that is valid" },
  NOT_ALLOWED: { httpStatus: 403, exitCode: 1, meaning: "the user or token may not do this" },
  IMPORT_FAILED: { httpStatus: 422, exitCode: 1, meaning: "what a backup tool lists could not be read, or cannot be believed; nothing of it was recorded" },
  INTERNAL: { httpStatus: 500, exitCode: 1, meaning: "an error nobody foresaw" },
} as const satisfies Record<string, { httpStatus: number; exitCode: number; meaning: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

/** The one class of errors that this program raises on purpose. `message` quotes the offending value, never a secret. */
export class BackupAwarenessError extends Error {
  readonly code: ErrorCode;
  /** What to do about it, in one sentence; printed after `hint:`. */
  readonly hint: string | null;
  /** When it makes sense to try again; null: nothing is known of that. */
  readonly retryAfterSeconds: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BackupAwarenessError";
    this.code = code;
    this.hint = options.hint ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }

  get exitCode(): number {
    return errorCatalogue[this.code].exitCode;
  }

  get httpStatus(): number {
    return errorCatalogue[this.code].httpStatus;
  }
}
