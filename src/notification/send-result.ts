import { printable } from "../contract/printable.ts";
import { RefusedAddressError } from "./address-guard.ts";
import type { HttpResponse } from "./http-request.ts";

/** How an attempt to send a message ended. Nothing but `accepted` counts as sent. */
export type SendResult = {
  /** permanent: trying again cannot help until somebody changes something. */
  readonly outcome: "accepted" | "temporary" | "permanent";
  /** What the other side said, for people. Secrets are taken out of it later. */
  readonly answer: string;
  /** What is wrong though it was accepted: one of several recipients was refused, say. */
  readonly fault?: string;
  /** How long the other side asks to be left alone. */
  readonly retryAfterMs?: number | null;
};

const longestAnswer = 500;

/** What an HTTP answer means: 408, 425, 429 and 5xx pass, any other refusal does not. */
export function resultOfResponse(response: HttpResponse): SendResult {
  const { status } = response;
  const said = printable(response.body).replace(/\s+/g, " ").trim().slice(0, longestAnswer);
  const answer = `${status} ${response.statusText}${said === "" ? "" : `: ${said}`}`;
  if (status >= 200 && status < 300) return { outcome: "accepted", answer };
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    return { outcome: "temporary", answer, retryAfterMs: response.retryAfterMs };
  return { outcome: "permanent", answer };
}

/** What an error on the way means: no answer may be followed by one; an address that is not allowed stays so. */
export function resultOfError(error: unknown): SendResult {
  if (error instanceof RefusedAddressError) return { outcome: "permanent", answer: error.message };
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const message = first instanceof Error ? first.message || first.name : String(first);
  return { outcome: "temporary", answer: printable(message).slice(0, longestAnswer) };
}
