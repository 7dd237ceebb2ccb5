import { Type, type Static } from "typebox";
import type { ErrorCode } from "../errors.ts";

/** What every error of the API is: a problem document of RFC 9457 (application/problem+json). */
export const problem = Type.Object(
  {
    type: Type.String({ description: "urn:backup-awareness:error:CODE" }),
    title: Type.String({ description: "what the code means" }),
    status: Type.Integer(),
    detail: Type.String({ description: "what went wrong, in this case" }),
    code: Type.Unsafe<ErrorCode>({ type: "string", description: "stable; docs/errors.md lists them" }),
    hint: Type.Unsafe<string | null>({ type: ["string", "null"], description: "what to do about it" }),
    retry_after_seconds: Type.Optional(Type.Integer({ description: "also the header Retry-After" })),
  },
  { description: "a problem document (RFC 9457)" },
);
export type Problem = Static<typeof problem>;

export const problemContentType = "application/problem+json";
