/** What a PostgreSQL URL says, without its password. */
export type DatabaseUrlParts = {
  readonly user: string | null;
  /** A host name, an address, or the directory of a Unix socket. null: libpq's default. */
  readonly host: string | null;
  readonly port: number;
  readonly database: string | null;
  readonly password: string | null;
  /** libpq's `passfile` parameter. */
  readonly passfile: string | null;
};

/** Why a text is no URL that libpq and `pg` both take, or null. The reason never quotes the text. */
export function faultOfDatabaseUrl(text: string): string | null {
  if (!/^postgres(ql)?:\/\//.test(text)) return 'it must begin with "postgres://"';
  if (/[\0-\x20\x7f]/.test(text)) return "it holds a blank or a control character; write them as %20 and the like";
  if (/%(?![0-9a-fA-F]{2})/.test(text))
    return 'a "%" must be followed by two hexadecimal digits; write "%25" for itself';
  const authority = /^postgres(?:ql)?:\/\/([^/?#]*)/.exec(text)?.[1] ?? "";
  if (text.includes("#")) return 'a "#" must be written as "%23"';
  if (authority.slice(authority.lastIndexOf("@") + 1).includes(",")) return "it names more than one host";
  if (authority.includes("@") && authority.indexOf("@") !== authority.lastIndexOf("@"))
    return 'an "@" in the password must be written as "%40"';
  const url = parseUrl(text);
  if (url === null) return "it cannot be parsed; the form is postgres://user@host:5432/database";
  try {
    const parts = partsOf(url);
    if (!Number.isInteger(parts.port) || parts.port < 1 || parts.port > 65535)
      return "its port must be between 1 and 65535";
    if ([parts.user, parts.host, parts.database, parts.password, parts.passfile].some((part) => part?.includes("\0")))
      return "it holds a NUL";
  } catch {
    return "its %-escapes are no UTF-8";
  }
  return null;
}

/** The parts of a URL in which faultOfDatabaseUrl finds no fault. */
export function parseDatabaseUrl(text: string): DatabaseUrlParts {
  const url = parseUrl(text);
  if (url === null) throw new TypeError("not a PostgreSQL URL");
  return partsOf(url);
}

/** The same URL, as psql and pg_dump take it, without its password; `changes` replace its user or database. */
export function databaseUrlWithoutPassword(
  text: string,
  changes: { readonly user?: string; readonly database?: string } = {},
): string {
  const url = parseUrl(text);
  if (url === null) throw new TypeError("not a PostgreSQL URL");
  const user = changes.user ?? partsOf(url).user;
  for (const secret of ["password", "sslpassword", "user"]) url.searchParams.delete(secret);
  if (changes.database !== undefined) {
    url.searchParams.delete("dbname");
    url.pathname = `/${encodeURIComponent(changes.database)}`;
  }
  const host = url.hostname === placeholderHost ? "" : url.host;
  // libpq reads "+" as itself, not as a blank.
  const search = [...url.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  const userPart = user === null ? "" : `${encodeURIComponent(user)}@`;
  return `postgres://${userPart}${host}${url.pathname}${search === "" ? "" : `?${search}`}`;
}

/** The same URL with other parts; what is undefined stays. The password goes where host or user change: it is another's. */
export function changeDatabaseUrl(
  text: string,
  changes: {
    readonly host?: string | undefined;
    readonly port?: number | undefined;
    readonly user?: string | undefined;
    readonly database?: string | undefined;
    readonly sslMode?: string | undefined;
  },
): string {
  const url = parseUrl(text);
  if (url === null) throw new TypeError("not a PostgreSQL URL");
  const parts = partsOf(url);
  const parameters = new URLSearchParams(url.searchParams);
  for (const name of ["host", "port", "user", "dbname"]) parameters.delete(name);
  if (changes.host !== undefined || changes.user !== undefined)
    for (const name of ["password", "passfile"]) parameters.delete(name);
  const host = changes.host ?? parts.host ?? "";
  const port = changes.port ?? parts.port;
  // A socket's directory cannot stand in a host's place.
  if (host.startsWith("/")) parameters.set("host", host);
  if (changes.sslMode !== undefined) parameters.set("sslmode", changes.sslMode);
  const user = changes.user ?? parts.user;
  const database = changes.database ?? parts.database;
  const keepsPassword = changes.host === undefined && changes.user === undefined && parts.password !== null;
  const password = keepsPassword ? `:${encodeURIComponent(parts.password)}` : "";
  const login = user === null ? "" : `${encodeURIComponent(user)}${password}@`;
  const address = host.startsWith("/") ? "" : host.includes(":") ? `[${host}]` : encodeURIComponent(host);
  if (address === "") parameters.set("port", String(port));
  const search = [...parameters]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  return `postgres://${login}${address}${address === "" ? "" : `:${port}`}/${encodeURIComponent(database ?? "")}${search === "" ? "" : `?${search}`}`;
}

/** Whether two URLs lead to one database, as far as their words tell. */
export function isSameDatabase(one: string, other: string): boolean {
  const placeOf = (text: string) => {
    const { host, port, database, user } = parseDatabaseUrl(text);
    return JSON.stringify([host ?? "localhost", port, database ?? user]);
  };
  return placeOf(one) === placeOf(other);
}

/** A text that should have been a URL, fit to be shown: what may be a password is replaced. */
export function redactDatabaseUrl(text: string): string {
  return (
    text
      .replace(/:\/\/[^/?]*:[^]*@/, "://***@")
      // No host, or one that was forgotten: what stands in the port's place may be the password.
      .replace(/:\/\/[^/?@]*:(?!\d{1,5}(?:[/?"]|$))[^/?"]*/, "://***")
      .replace(/((?:ssl)?pass(?:word)?\s*=\s*)(?:'[^']*'?|[^&\s]*)/gi, "$1***")
  );
}

const placeholderHost = "no-host.invalid";

/** URL refuses a user without a host, which libpq takes ("postgres://me@/db?host=/run/postgresql"): a placeholder stands in. */
function parseUrl(text: string): URL | null {
  const complete = text.replace(/^(postgres(?:ql)?:\/\/(?:[^/?#@]*@)?)(?=[/?#]|$)/, `$1${placeholderHost}`);
  return URL.canParse(complete) ? new URL(complete) : null;
}

function partsOf(url: URL): DatabaseUrlParts {
  const parameters = url.searchParams;
  const given = (text: string | null): string | null => (text === null || text === "" ? null : text);
  const hostname = url.hostname === placeholderHost ? "" : decodeURIComponent(url.hostname).replace(/^\[(.+)\]$/, "$1");
  const port = given(parameters.get("port")) ?? given(url.port) ?? "5432";
  return {
    user: given(parameters.get("user")) ?? given(decodeURIComponent(url.username)),
    host: given(parameters.get("host")) ?? given(hostname),
    port: /^\d+$/.test(port) ? Number(port) : Number.NaN,
    database: given(parameters.get("dbname")) ?? given(decodeURIComponent(url.pathname.slice(1))),
    password: given(parameters.get("password")) ?? given(decodeURIComponent(url.password)),
    passfile: given(parameters.get("passfile")),
  };
}
