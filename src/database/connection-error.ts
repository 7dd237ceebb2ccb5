import pg from "pg";
import { BackupAwarenessError } from "../contract/errors.ts";
import type { DatabaseUrlParts } from "../settings/database-url.ts";

/**
 * An error of connecting, or of a lost connection, as one that says which server, why and what to do; any other error as it is.
 * The message never holds a password. `urlKey` is the setting that names the server.
 */
export function translateConnectionError(
  error: unknown,
  parts: Pick<DatabaseUrlParts, "host" | "port" | "user" | "database">,
  urlKey = "database.url",
): unknown {
  if (error instanceof BackupAwarenessError || !(error instanceof Error)) return error;
  const reason = connectionReason(error, parts, urlKey);
  if (reason === null) return error;
  return new BackupAwarenessError(
    "DATABASE_UNREACHABLE",
    `cannot reach the database at ${placeOf(parts)}: ${reason.what}`,
    {
      hint: reason.hint,
      cause: error,
    },
  );
}

type Reason = { readonly what: string; readonly hint: string };

function connectionReason(
  error: Error,
  parts: Pick<DatabaseUrlParts, "host" | "port" | "user" | "database">,
  urlKey: string,
): Reason | null {
  if (error instanceof pg.DatabaseError) return serverReason(error, parts);
  // Each address that a name has fails on its own; the first tells enough.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = first instanceof Error && "code" in first ? String(first.code) : "";
  const message = first instanceof Error ? first.message : "";
  switch (code) {
    case "ECONNREFUSED":
      return { what: "nothing listens there", hint: `start PostgreSQL, or correct host and port in ${urlKey}` };
    case "ENOENT":
      return {
        what: "there is no such socket",
        hint: `start PostgreSQL, or correct the socket's directory in ${urlKey}`,
      };
    case "EACCES":
      return {
        what: "permission denied on its socket",
        hint: `run as a user who may open it, or name a host in ${urlKey}`,
      };
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return {
        what: "the host's name cannot be resolved",
        hint: `correct the host in ${urlKey}, or the name service`,
      };
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return { what: "no route to the host", hint: "look at the network and the firewall" };
    case "ETIMEDOUT":
      return timedOut;
    case "ECONNRESET":
    case "EPIPE":
      return { what: "the connection was cut", hint: "look at the server's log" };
  }
  if (/timeout|timed out/i.test(message)) return timedOut;
  if (/Connection terminated|Client has encountered a connection error|not queryable/.test(message)) {
    return { what: "the connection was cut", hint: "look at the server's log" };
  }
  if (/SSL|certificate|self.signed|altname/i.test(message + code))
    return { what: `TLS: ${message}`, hint: "see sslmode and sslrootcert in docs/settings.md" };
  if (/password must be a (non-empty )?string/i.test(message)) {
    return {
      what: `it asks for a password of ${parts.user ?? "its user"} and none is known`,
      hint: `put it into ~/.pgpass, or name a file with ?passfile= in ${urlKey}`,
    };
  }
  return null;
}

const timedOut: Reason = {
  what: "it does not answer in time",
  hint: "look at the network, the firewall and the server's load",
};

function serverReason(error: pg.DatabaseError, parts: Pick<DatabaseUrlParts, "user" | "database">): Reason | null {
  switch (error.code) {
    case "28P01":
    case "28000":
      return {
        what: error.message,
        hint: `look at the password of ${parts.user ?? "the user"} and at the server's pg_hba.conf`,
      };
    case "3D000":
      return { what: error.message, hint: `create it: createdb ${parts.database ?? "NAME"}` };
    case "53300":
      return { what: error.message, hint: "raise the server's max_connections, or end other sessions" };
    case "57P01":
    case "57P02":
    case "57P03":
      return { what: error.message, hint: "the server starts, stops or recovers; it is tried again" };
    default:
      return null;
  }
}

function placeOf(parts: Pick<DatabaseUrlParts, "host" | "port">): string {
  const host = parts.host ?? "localhost";
  return host.includes(":") ? `[${host}]:${parts.port}` : `${host}:${parts.port}`;
}
