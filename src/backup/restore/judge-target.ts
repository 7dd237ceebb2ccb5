import { humanSize } from "../../contract/human-size.ts";
import { type Check, noted, passed, refused } from "./check.ts";
import { describeSession, type ExistingDatabase, type Target } from "./inspect-target.ts";

const namedSessions = 5;

/** `beside`: into a new database that is then renamed. `in place`: into the existing one, in a single transaction. */
export type Way = "beside" | "in place";

export type TargetWishes = {
  /** Replace what is there. */
  readonly force: boolean;
  /** End the sessions of whoever is connected. */
  readonly disconnect: boolean;
  /** Restore owners and rights. */
  readonly permissions: boolean;
  /** Make the database where it is missing. */
  readonly provision: boolean;
};

export type DumpFacts = {
  readonly format: "custom" | "plain";
  /** Of the server that was dumped; null: unknown. */
  readonly serverVersion: string | null;
  /** The roles that own something or have rights; null: unknown before it is loaded. */
  readonly roles: ReadonlySet<string> | null;
  readonly owners: ReadonlySet<string>;
  /** When extracted. */
  readonly sizeBytes: number;
  /** Roles that the archive can make. */
  readonly archivedRoles: ReadonlySet<string>;
};

export type TargetJudgement = {
  readonly way: Way;
  readonly checks: readonly Check[];
  /** Missing ones, to be made from the archive. */
  readonly rolesToCreate: readonly string[];
};

/** What will be done to a database, and whether it may be. Sessions of programs that stand back count for nobody. */
export function judgeTarget(
  scope: string,
  database: string,
  target: Target,
  dump: DumpFacts,
  wishes: TargetWishes,
  known: {
    /** Whom the settings name. */
    readonly login: string;
    readonly dataDirectoryBytes: number | null;
    readonly standsBack: (application: string) => boolean;
  },
): TargetJudgement {
  const { existing } = target;
  const mayRename = existing === null || target.login.isSuperuser || existing.isOurs;
  const way: Way =
    target.maintenanceDatabase !== null && target.login.mayCreateDatabases && mayRename ? "beside" : "in place";
  const roles = judgeRoles(scope, target, dump, wishes);
  const checks = [
    ...judgeServer(scope, target, dump),
    ...judgeLogin(scope, target, wishes, known.login),
    ...judgeExisting(scope, database, target, dump, wishes, way),
    ...(existing === null ? [] : judgeSessions(scope, database, existing, wishes, known.standsBack)),
    ...judgeWay(scope, database, target, way),
    ...judgeSpace(scope, dump, known.dataDirectoryBytes),
    ...roles.checks,
  ];
  return { way, checks, rolesToCreate: roles.rolesToCreate };
}

function judgeServer(scope: string, { server }: Target, dump: DumpFacts): Check[] {
  if (server.isStandby)
    return [refused(scope, "the server is a standby, which takes no writes", "restore on its primary")];
  const [dumped, found] = [Number.parseInt(dump.serverVersion ?? "", 10), Math.floor(server.versionNumber / 10_000)];
  if (dumped > found) {
    return [
      noted(
        scope,
        `the dump is of PostgreSQL ${dumped}, the server is ${found}: what the older one does not know will not restore`,
        `restore on PostgreSQL ${dumped} or newer`,
      ),
    ];
  }
  return [passed(scope, `PostgreSQL ${server.version} takes a dump of ${dump.serverVersion ?? "an unknown version"}`)];
}

function judgeLogin(scope: string, { roles, login }: Target, { provision }: TargetWishes, name: string): Check[] {
  if (roles.has(name)) return [];
  if (!provision)
    return [refused(scope, `there is no role "${name}"`, "add --provision-db (or its like), with --provision-url")];
  if (login.mayCreateRoles) return [noted(scope, `the role "${name}" is missing and will be made`)];
  const hint = "name a login that may with --provision-url";
  return [refused(scope, `the role "${name}" is missing, and "${login.name}" may not create one`, hint)];
}

function judgeExisting(
  scope: string,
  database: string,
  target: Target,
  dump: DumpFacts,
  { force, provision }: TargetWishes,
  way: Way,
): Check[] {
  const { existing, login } = target;
  if (existing === null) {
    if (!provision)
      return [
        refused(
          scope,
          `there is no database "${database}"`,
          "add the option that makes it: --provision-db, --provision-dwh-db, --provision-reports-db or --provision-all-databases",
        ),
      ];
    return way === "beside"
      ? [passed(scope, `the database "${database}" is missing and will be made`)]
      : [
          refused(
            scope,
            `there is no database "${database}", and the role "${login.name}" may not create one`,
            `name a login that may with --provision-url, or: create database "${database}" owner "${login.name}"`,
          ),
        ];
  }
  const checks: Check[] = [];
  if (existing.objects === 0) checks.push(passed(scope, `the database "${database}" is empty`));
  else if (force) {
    checks.push(
      noted(
        scope,
        `the database "${database}" holds ${existing.objects} objects (${humanSize(existing.sizeBytes)}), which will be replaced`,
      ),
    );
  } else {
    checks.push(
      refused(
        scope,
        `the database "${database}" is not empty: ${existing.objects} objects, ${humanSize(existing.sizeBytes)}`,
        "add --force to replace it",
      ),
    );
  }
  if (way === "in place" && existing.objects > 0 && dump.format === "plain") {
    checks.push(
      refused(
        scope,
        `a plain dump can only be restored into an empty or a new database, and the role "${login.name}" may not create one`,
        `empty the database first, or: alter role "${login.name}" createdb`,
      ),
    );
  }
  if (existing.replicationSlots.length > 0) {
    checks.push(
      noted(
        scope,
        `the replication slots ${existing.replicationSlots.join(", ")} belong to the present database and stay with it`,
        "make them anew for whoever reads from them",
      ),
    );
  }
  return checks;
}

function judgeSessions(
  scope: string,
  database: string,
  existing: ExistingDatabase,
  { disconnect }: TargetWishes,
  standsBack: (application: string) => boolean,
): Check[] {
  const checks: Check[] = [];
  if (existing.preparedTransactions > 0) {
    checks.push(
      refused(
        scope,
        `the database "${database}" holds ${existing.preparedTransactions} prepared transactions`,
        "commit or roll them back; pg_prepared_xacts names them",
      ),
    );
  }
  const others = existing.sessions.filter(({ application }) => !standsBack(application));
  if (others.length === 0) return [...checks, passed(scope, "nobody else is connected")];
  const who = others.slice(0, namedSessions).map(describeSession).join("; ");
  const more = others.length > namedSessions ? ` and ${others.length - namedSessions} more` : "";
  const finding = `connected to "${database}": ${who}${more}`;
  return [
    ...checks,
    disconnect
      ? noted(scope, `${finding}; these sessions will be ended`)
      : refused(scope, finding, "stop the application, or add --disconnect to have the sessions ended"),
  ];
}

function judgeWay(scope: string, database: string, { login, existing, former, server }: Target, way: Way): Check[] {
  if (way === "beside") {
    const kept =
      former.length === 0
        ? []
        : [
            noted(
              scope,
              `earlier restores have kept: ${former.map((name) => `"${name}"`).join(", ")}`,
              `drop what nobody needs any more: drop database "${former[0] ?? ""}"`,
            ),
          ];
    const what = existing === null ? "made" : "put in its place by renaming";
    return [
      passed(scope, `a new database is filled, compared and then ${what}, on PostgreSQL ${server.version}`),
      ...kept,
    ];
  }
  return [
    noted(
      scope,
      `the role "${login.name}" may not create and rename databases: "${database}" is restored in one transaction, by one job`,
      `faster, with the former one kept: alter role "${login.name}" createdb, and let it own "${database}"`,
    ),
  ];
}

function judgeSpace(scope: string, { sizeBytes }: DumpFacts, freeBytes: number | null): Check[] {
  if (freeBytes === null) return [noted(scope, "how much space the server has left cannot be seen from here")];
  if (freeBytes < sizeBytes) {
    return [
      refused(
        scope,
        `the server's data directory has ${humanSize(freeBytes)} left; the dump alone has ${humanSize(sizeBytes)}`,
        "make room there; the former database stays until the restored one has taken its place",
      ),
    ];
  }
  return [
    passed(scope, `the server's data directory has ${humanSize(freeBytes)} left for a dump of ${humanSize(sizeBytes)}`),
  ];
}

function judgeRoles(
  scope: string,
  target: Target,
  dump: DumpFacts,
  { permissions }: TargetWishes,
): { readonly checks: readonly Check[]; readonly rolesToCreate: readonly string[] } {
  if (!permissions) return { checks: [noted(scope, "owners and rights are not restored")], rolesToCreate: [] };
  if (dump.roles === null) return { checks: [], rolesToCreate: [] };
  const missing = [...dump.roles].filter((role) => role !== "public" && !target.roles.has(role));
  const makeable = missing.filter((role) => dump.archivedRoles.has(role));
  const unknown = missing.filter((role) => !dump.archivedRoles.has(role));
  const without = "or add --no-restore-permissions to restore without owners and rights";
  if (unknown.length > 0) {
    const hint = `create them, as in: create role ${quoteForHint(unknown[0])}; ${without}`;
    return { checks: [refused(scope, `roles are missing: ${unknown.join(", ")}`, hint)], rolesToCreate: [] };
  }
  if (makeable.length > 0 && !target.login.mayCreateRoles) {
    const hint = `create them as a role that may, with the archive's globals.sql; ${without}`;
    const finding = `roles are missing, and the role "${target.login.name}" may not create any: ${makeable.join(", ")}`;
    return { checks: [refused(scope, finding, hint)], rolesToCreate: [] };
  }
  const foreign = [...dump.owners].filter((role) => target.roles.has(role) && !target.ownRoles.has(role));
  if (foreign.length > 0 && !target.login.isSuperuser) {
    const finding = `the role "${target.login.name}" may not restore what belongs to ${foreign.join(", ")}`;
    const hint = `restore as a superuser, or grant these roles to "${target.login.name}"; ${without}`;
    return { checks: [refused(scope, finding, hint)], rolesToCreate: [] };
  }
  return {
    checks: [
      makeable.length > 0
        ? noted(scope, `roles are missing and will be made, without passwords: ${makeable.join(", ")}`)
        : passed(scope, "all roles are there that own something or have rights"),
    ],
    rolesToCreate: makeable,
  };
}

function quoteForHint(role: string | undefined): string {
  return `"${role ?? ""}"`;
}
