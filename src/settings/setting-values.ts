import { isIP, isIPv6 } from "node:net";
import { isAbsolute, normalize } from "node:path";
import { BackupAwarenessError } from "../contract/errors.ts";
import { faultOfDatabaseUrl, redactDatabaseUrl } from "./database-url.ts";

/*
 * Each reads one value out of unknown data and throws SETTINGS_INVALID where it cannot be used. `where` says where the value stands:
 * `/etc/backup-awareness/config.toml: fqdn`, or a variable's name.
 */

const longestShown = 200;

/** `hint` says what would be right. The value is shown as JSON, cut, without what may be a password in a URL. */
export function settingError(where: string, value: unknown, fault: string, hint: string): BackupAwarenessError {
  return new BackupAwarenessError("SETTINGS_INVALID", `${where}: ${show(value)} ${fault}`, { hint });
}

function show(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Date) return value.toString();
  let text: string;
  try {
    text = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
  } catch {
    text = typeof value;
  }
  // A URL may have been written where it does not belong.
  text = redactDatabaseUrl(text);
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}

export function readFqdn(value: unknown, where: string): string {
  const hint = 'the engine\'s name, such as "engine.example.com": at most 255 characters, no blanks';
  const text = readText(value, where, hint);
  if (text.length > 255) throw settingError(where, text, "is longer than 255 characters", hint);
  if (/[\s\p{Cc}]/u.test(text)) throw settingError(where, text, "holds a blank or a control character", hint);
  return text.toLowerCase();
}

/** "127.0.0.1:8480", "localhost:8480", "[::1]:8480". Port 0: any that is free. */
export function readListen(value: unknown, where: string): { host: string; port: number } {
  const hint = 'an address and a port, such as "127.0.0.1:8480" or "[::1]:8480"';
  const text = readText(value, where, hint);
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  const named = bracketed === undefined ? isIP(host) === 4 || isHostName(host) : isIP(host) === 6;
  if (digits === undefined || !named) throw settingError(where, text, "is no address and port", hint);
  if (port > 65535) throw settingError(where, text, "has a port beyond 65535", hint);
  return { host, port };
}

function isHostName(text: string): boolean {
  const labels = text.split(".");
  // "1.2.3" is a slip of the pen, not a name.
  return (
    text.length <= 253 &&
    labels.every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? "")
  );
}

export function readDatabaseUrl(value: unknown, where: string): string {
  const hint =
    'a URL such as "postgres://user@host:5432/database"; the password may stand in ~/.pgpass or in a file named with ?passfile=';
  if (typeof value !== "string") throw settingError(where, typeof value, "is no text", hint);
  const fault = value === "" ? "it is empty" : faultOfDatabaseUrl(value);
  if (fault !== null) throw settingError(where, redactDatabaseUrl(value), `is no PostgreSQL URL: ${fault}`, hint);
  return value;
}

export function readAbsolutePath(value: unknown, where: string): string {
  const hint = 'an absolute path, such as "/var/lib/myapp"';
  const text = readText(value, where, hint);
  if (!isAbsolute(text)) throw settingError(where, text, "is no absolute path", hint);
  const path = normalize(text);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

export function readPaths(value: unknown, where: string): string[] {
  const paths = readList(value, where, '["/etc/myapp", "/var/lib/myapp"]').map((path, index) =>
    readAbsolutePath(path, `${where}[${index}]`),
  );
  if (paths.length === 0)
    throw settingError(
      where,
      value,
      "names no path",
      "at least one absolute path; leave the setting out for the default",
    );
  return paths;
}

export function readPatterns(value: unknown, where: string): string[] {
  return readList(value, where, '["*.tmp", "cache"]').map((pattern, index) =>
    readText(pattern, `${where}[${index}]`, 'a pattern, such as "*.tmp"'),
  );
}

/** Networks by address and prefix: 10.0.0.0/8, fd00::/8; an address alone is a network of one. */
export function readNetworks(value: unknown, where: string): string[] {
  const hint = 'a network, such as "10.0.0.0/8" or "192.168.1.25/32"';
  return readList(value, where, '["10.0.0.0/8", "192.168.1.25/32"]').map((network, index) => {
    const text = readText(network, `${where}[${index}]`, hint);
    const [address = "", bits = isIPv6(text) ? "128" : "32", ...more] = text.split("/");
    const longest = isIPv6(address) ? 128 : 32;
    if (isIP(address) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > longest || more.length > 0)
      throw settingError(`${where}[${index}]`, text, "is no network", hint);
    return `${address}/${bits}`;
  });
}

/** true or false; in a variable as text. */
export function readFlag(value: unknown, where: string): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw settingError(where, value, "is neither true nor false", "true or false, without quotes");
}

/** How many of something: a whole number from 0 to a million. */
export function readCount(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 1_000_000) return value;
  throw settingError(where, value, "is no number that can be used", "a whole number from 0 to 1000000");
}

export function readHttpUrl(value: unknown, where: string): string {
  const hint = 'an address such as "https://backup.example.com"';
  const text = readText(value, where, hint);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    url === null ||
    (url.protocol !== "https:" && url.protocol !== "http:") ||
    url.username !== "" ||
    url.password !== ""
  )
    throw settingError(where, text, "is no http or https URL", hint);
  return text;
}

/** A list, of whatever. */
export function readList(value: unknown, where: string, example: string): unknown[] {
  if (!Array.isArray(value)) throw settingError(where, value, "is no list", `a list, such as ${example}`);
  return value as unknown[];
}

/** A text that is not empty. */
export function readText(value: unknown, where: string, hint: string): string {
  if (typeof value !== "string") throw settingError(where, value, "is no text", hint);
  if (value.trim() === "") throw settingError(where, value, "is empty", hint);
  if (value.includes("\0")) throw settingError(where, value, "holds a NUL", hint);
  return value;
}
