import type { FastifyRequest } from "fastify";
import { BackupAwarenessError } from "../../contract/errors.ts";

const readingMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A browser says where a page comes from that changes something; what comes from another site's page is refused. Who shows a token has
 * no cookie that could be misused, and a script says nothing of that.
 *
 * @throws ORIGIN_REFUSED
 */
export function demandSameOrigin(request: FastifyRequest): void {
  if (readingMethods.has(request.method) || request.headers.authorization !== undefined) return;
  const { origin } = request.headers;
  const site = request.headers["sec-fetch-site"];
  const isOurs =
    origin === undefined
      ? site === undefined || site === "same-origin" || site === "none"
      : origin === `${request.protocol}://${request.host}`;
  if (isOurs) return;
  throw new BackupAwarenessError(
    "ORIGIN_REFUSED",
    `a page of ${JSON.stringify((origin ?? "another site").slice(0, 200))} may change nothing here`,
    {
      hint: "behind a proxy, name it in trusted_proxies, so that its X-Forwarded-Proto and X-Forwarded-Host count",
    },
  );
}
