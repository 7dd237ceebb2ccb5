import type { FastifyError } from "fastify";
import type { Problem } from "../../contract/api/problem.ts";
import { BackupAwarenessError, type ErrorCode, errorCatalogue } from "../../contract/errors.ts";

/** When a client should ask again after a failure that passes. */
const retryAfterSeconds = 5;

/** Any error as a problem document (RFC 9457). What nobody foresaw is told without its words, which may hold SQL or a secret. */
export function problemOf(error: unknown): Problem {
  const known = error instanceof BackupAwarenessError ? error : errorOfFastify(error);
  const { httpStatus, meaning } = errorCatalogue[known.code];
  return {
    type: `urn:backup-awareness:error:${known.code}`,
    title: meaning,
    status: httpStatus,
    detail: known.message,
    code: known.code,
    hint: known.hint,
    ...(httpStatus === 503 ? { retry_after_seconds: retryAfterSeconds } : {}),
    ...(known.retryAfterSeconds === null ? {} : { retry_after_seconds: known.retryAfterSeconds }),
  };
}

/** Fastify's own refusals in our words. */
const codesOfFastify: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "REQUEST_TOO_LARGE",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "MEDIA_TYPE_UNSUPPORTED",
};

function errorOfFastify(error: unknown): BackupAwarenessError {
  const { code, statusCode = 500, message, validation, validationContext } = error as Partial<FastifyError>;
  const translated = code === undefined ? undefined : codesOfFastify[code];
  if (translated !== undefined) return new BackupAwarenessError(translated, lowerFirst(message ?? ""));
  if (validation !== undefined)
    return new BackupAwarenessError("REQUEST_INVALID", tellValidation(validation, validationContext ?? "request"));
  if (statusCode >= 400 && statusCode < 500)
    return new BackupAwarenessError("REQUEST_INVALID", lowerFirst(message ?? "the request cannot be read"));
  return new BackupAwarenessError("INTERNAL", "an error nobody foresaw; the daemon's log tells more");
}

/** Which part of the request, where in it, and what is wrong there. */
function tellValidation(validation: NonNullable<FastifyError["validation"]>, context: string): string {
  const told = validation.map(({ instancePath, message, params }) => {
    const unknown = (params as { additionalProperty?: unknown }).additionalProperty;
    const allowed = (params as { allowedValues?: unknown }).allowedValues;
    return [
      `${context}${instancePath.replaceAll("/", ".")}`,
      message ?? "is not valid",
      ...(typeof unknown === "string" ? [JSON.stringify(unknown.slice(0, 100))] : []),
      ...(Array.isArray(allowed) ? [`(${allowed.join(", ")})`] : []),
    ].join(" ");
  });
  return told.join("; ").slice(0, 1_000);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
