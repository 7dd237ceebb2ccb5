import { readFile } from "node:fs/promises";
import type { OpenTarget } from "../../backup/restore/restore-run.ts";
import { targetServer } from "../../backup/restore/target-server.ts";
import type { RunLog } from "../../backup/run-log.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { Scope } from "../../contract/scope.ts";
import type { Database } from "../../database/database.ts";
import { findExternalPassword } from "../../database/open-database.ts";
import { passwordFromPassfile } from "../../database/passfile.ts";
import {
  changeDatabaseUrl,
  databaseUrlWithoutPassword,
  faultOfDatabaseUrl,
  isSameDatabase,
  parseDatabaseUrl,
} from "../../settings/database-url.ts";
import type { Settings } from "../../settings/settings.ts";
import type { CommandContext } from "../command-context.ts";
import type { OwnDatabases } from "../own-databases.ts";
import type { OptionValues } from "./option-table.ts";
import { OwnDatabaseTarget } from "./own-target.ts";

/** oVirt's words for its three databases. */
const prefixes = { db: "db", dwhdb: "dwh-db", reportsdb: "reports-db" } as const;
type Prefix = (typeof prefixes)[keyof typeof prefixes];

type Login = { readonly url: string; readonly password: string | null; readonly embedded: boolean };

/** Where each scope is restored to: what the settings name, unless the command line says otherwise. */
export class RestoreTargets {
  readonly #context: CommandContext;
  readonly #settings: Settings;
  readonly #options: OptionValues;
  readonly #databases: OwnDatabases;
  readonly #log: RunLog;

  constructor(
    context: CommandContext,
    settings: Settings,
    options: OptionValues,
    databases: OwnDatabases,
    log: RunLog,
  ) {
    this.#context = context;
    this.#settings = settings;
    this.#options = options;
    this.#databases = databases;
    this.#log = log;
  }

  /** Throws SCOPE_UNCONFIGURED, USAGE and, from own databases, what opening them throws. */
  async open(scope: Scope): Promise<OpenTarget> {
    const owned = await this.#openOwn(scope);
    const login = owned?.login ?? (await this.#loginFor(scope));
    const { env } = this.#context.environment;
    const common = { env, urlKey: `scopes.${scope}.url` };
    const server = targetServer({ ...common, ...login });
    const admin = await this.#adminFor(server.database);
    const own =
      owned === null
        ? null
        : new OwnDatabaseTarget({
            context: this.#context,
            settings: this.#settings,
            log: this.#log,
            server,
            ...login,
            disconnect: this.#options.disconnect === true,
            closeConnections: () => this.#databases.close(),
          });
    return {
      server,
      admin: admin === null ? server : targetServer({ ...common, urlKey: "--provision-url", ...admin }),
      role: { name: server.user, password: login.password },
      own,
      close: async () => {
        await own?.close();
        await owned?.database.close();
      },
    };
  }

  /** null: it is an application's. Ours is opened and stays so: the embedded server runs as long as somebody uses it. */
  async #openOwn(scope: Scope): Promise<{ readonly login: Login; readonly database: Database } | null> {
    const configured = this.#settings.scopes.get(scope);
    const changes = Object.entries(prefixes).some(
      ([known, prefix]) => known === scope && this.#options[`change-${prefix}-credentials`] === true,
    );
    if (configured?.kind !== "database" || changes) return null;
    const { databaseUrl } = this.#settings;
    const { url } = configured;
    if (url !== null && (databaseUrl === null || !isSameDatabase(url, databaseUrl))) return null;
    const database = await this.#databases.openForDump(url, scope);
    const password = await this.#passwordOf(database, url ?? databaseUrl);
    return { login: { url: database.url, password, embedded: database.embedded }, database };
  }

  async #passwordOf(database: Database, url: string | null): Promise<string | null> {
    if (!database.embedded) return this.#findPassword(url ?? database.url);
    // The administrator's PGPASSWORD is not the embedded server's.
    return findExternalPassword(parseDatabaseUrl(database.url), { ...this.#context.environment, env: {} });
  }

  async #loginFor(scope: Scope): Promise<Login> {
    const configured = this.#settings.scopes.get(scope);
    const prefix = Object.entries(prefixes).find(([known]) => known === scope)?.[1];
    const changes = prefix !== undefined && this.#options[`change-${prefix}-credentials`] === true;
    const configuredUrl = configured?.kind === "database" ? configured.url : null;
    if (configuredUrl === null && !changes) {
      throw new BackupAwarenessError("SCOPE_UNCONFIGURED", `no database is configured for the scope "${scope}"`, {
        hint: `name it in ${this.#settings.configFile ?? "config.toml"}: [scopes.${scope}] url = "postgres://…"${prefix === undefined ? "" : `, or give --change-${prefix}-credentials --${prefix}-host=HOST --${prefix}-user=USER --${prefix}-name=NAME`}`,
      });
    }
    const url =
      prefix === undefined || !changes
        ? (configuredUrl ?? "")
        : this.#changedUrl(configuredUrl ?? "postgres://", prefix);
    const given = prefix === undefined || !changes ? null : await this.#givenPassword(url, prefix);
    return {
      url: databaseUrlWithoutPassword(url),
      password: given ?? (await this.#findPassword(url)),
      embedded: false,
    };
  }

  #changedUrl(url: string, prefix: Prefix): string {
    const options = this.#options;
    const sslMode =
      options[`${prefix}-secured-validation`] === true
        ? "verify-full"
        : options[`${prefix}-secured`] === true
          ? "require"
          : undefined;
    return changeDatabaseUrl(url, {
      host: options[`${prefix}-host`],
      port: options[`${prefix}-port`],
      user: options[`${prefix}-user`],
      database: options[`${prefix}-name`],
      sslMode,
    });
  }

  /** null: none was given. */
  async #givenPassword(url: string, prefix: Prefix): Promise<string | null> {
    const password = this.#options[`${prefix}-password`];
    if (password !== undefined) {
      this.#context.stderr.write(
        `warning: everybody on this machine can see a password on a command line; --${prefix}-passfile=FILE keeps it to you\n`,
      );
      return password;
    }
    const file = this.#options[`${prefix}-passfile`];
    if (file === undefined) return null;
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (error) {
      throw new BackupAwarenessError("USAGE", `--${prefix}-passfile="${file}" cannot be read`, {
        hint: "name a file that holds the password",
        cause: error,
      });
    }
    const { host, port, database, user } = parseDatabaseUrl(url);
    const wanted = { host: host ?? "localhost", port, database: database ?? "", user: user ?? "" };
    // libpq's form, else the password alone, as oVirt takes it.
    return passwordFromPassfile(text, wanted) ?? text.replace(/\r?\n[^]*$/, "");
  }

  #findPassword(url: string): Promise<string | null> {
    return findExternalPassword(parseDatabaseUrl(url), this.#context.environment);
  }

  /** By whom databases and roles are made; null: the database's own login. */
  async #adminFor(database: string): Promise<Login | null> {
    const url = this.#options["provision-url"];
    if (url === undefined) return null;
    const fault = faultOfDatabaseUrl(url);
    if (fault !== null)
      throw new BackupAwarenessError("USAGE", `--provision-url cannot be used: ${fault}`, {
        hint: "as in: --provision-url=postgres://postgres@db.example.com/postgres",
      });
    return {
      url: databaseUrlWithoutPassword(url, { database }),
      password: await this.#findPassword(url),
      embedded: false,
    };
  }
}
