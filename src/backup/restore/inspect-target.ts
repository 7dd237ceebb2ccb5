import type { ClientBase } from "pg";
import { isFormerName, isRestoringName } from "./restore-names.ts";
import { withConnection, type TargetServer } from "./target-server.ts";

/** Databases by way of which the others are made and renamed, the usual one first. */
const maintenanceDatabases = ["postgres", "template1"];

/** What there is where a database is to be restored. */
export type Target = {
  readonly server: {
    readonly versionNumber: number;
    readonly version: string;
    readonly encoding: string;
    /** As the server names it, where this login may know. */
    readonly dataDirectory: string | null;
    /** Replicas take no writes. */
    readonly isStandby: boolean;
  };
  readonly login: {
    readonly name: string;
    readonly isSuperuser: boolean;
    readonly mayCreateDatabases: boolean;
    readonly mayCreateRoles: boolean;
  };
  /** By way of which databases are made and renamed; null: none lets this login in. */
  readonly maintenanceDatabase: string | null;
  readonly roles: ReadonlySet<string>;
  /** Those that the login may act as. */
  readonly ownRoles: ReadonlySet<string>;
  /** null: it does not exist. */
  readonly existing: ExistingDatabase | null;
  /** Left by restores that were killed, or made by one that is at work. */
  readonly restoring: readonly string[];
  /** Put aside by earlier restores. */
  readonly former: readonly string[];
};

export type ExistingDatabase = {
  readonly oid: number;
  readonly owner: string;
  /** Whether the login is its owner or may act as the owner. */
  readonly isOurs: boolean;
  readonly encoding: string;
  /** Tables with their rows and whatever else somebody made; none: it is empty. */
  readonly objects: number;
  readonly sizeBytes: number;
  readonly sessions: readonly Session[];
  readonly preparedTransactions: number;
  readonly replicationSlots: readonly string[];
};

export type Session = {
  readonly pid: number;
  readonly application: string;
  readonly role: string;
  readonly from: string;
  readonly since: Date | null;
};

/** Looks, and changes nothing. Throws DATABASE_UNREACHABLE where the login is not let in at all. */
export async function inspectTarget(server: TargetServer): Promise<Target> {
  const maintenanceDatabase = await findMaintenanceDatabase(server);
  return withConnection(server, maintenanceDatabase ?? server.database, async (client) => {
    const login = await readLogin(client);
    const { rows: roles } = await client.query<{ name: string; ours: boolean }>(
      "select rolname as name, pg_catalog.pg_has_role(rolname, 'MEMBER') as ours from pg_catalog.pg_roles",
    );
    const { rows: databases } = await client.query<{ name: string }>(
      "select datname as name from pg_catalog.pg_database order by 1",
    );
    const names = databases.map(({ name }) => name);
    return {
      ...login,
      maintenanceDatabase,
      roles: new Set(roles.map(({ name }) => name)),
      ownRoles: new Set(roles.filter(({ ours }) => ours).map(({ name }) => name)),
      existing: names.includes(server.database) ? await readExisting(client, server) : null,
      restoring: names.filter((name) => isRestoringName(name, server.database)),
      former: names.filter((name) => isFormerName(name, server.database)),
    };
  });
}

async function findMaintenanceDatabase(server: TargetServer): Promise<string | null> {
  for (const name of maintenanceDatabases) {
    if (name === server.database) continue;
    try {
      await withConnection(server, name, (client) => client.query("select 1"));
      return name;
    } catch {
      // The next one, else the database itself, which tells why.
    }
  }
  return null;
}

async function readLogin(client: ClientBase): Promise<Pick<Target, "server" | "login">> {
  const { rows } = await client.query<{
    number: number;
    version: string;
    encoding: string;
    directory: string | null;
    standby: boolean;
    name: string;
    super: boolean;
    createdb: boolean;
    createrole: boolean;
  }>(
    `select pg_catalog.current_setting('server_version_num')::int as number, pg_catalog.current_setting('server_version') as version,
            pg_catalog.current_setting('server_encoding') as encoding, pg_catalog.pg_is_in_recovery() as standby,
            case when pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'member')
                 then pg_catalog.current_setting('data_directory') end as directory,
            rolname as name, rolsuper as super, rolcreatedb as createdb, rolcreaterole as createrole
       from pg_catalog.pg_roles where rolname = current_user`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the server does not tell who is logged in");
  return {
    server: {
      versionNumber: row.number,
      version: row.version,
      encoding: row.encoding,
      dataDirectory: row.directory,
      isStandby: row.standby,
    },
    login: {
      name: row.name,
      isSuperuser: row.super,
      mayCreateDatabases: row.super || row.createdb,
      mayCreateRoles: row.super || row.createrole,
    },
  };
}

async function readExisting(client: ClientBase, server: TargetServer): Promise<ExistingDatabase> {
  const { rows } = await client.query<Omit<ExistingDatabase, "objects" | "sessions"> & { sizeBytes: string }>(
    `select d.oid, r.rolname as owner, pg_catalog.pg_has_role(d.datdba, 'MEMBER') as "isOurs", pg_catalog.pg_encoding_to_char(d.encoding) as encoding,
            case when pg_catalog.has_database_privilege(d.oid, 'connect') then pg_catalog.pg_database_size(d.oid) else 0 end as "sizeBytes",
            (select count(*)::int from pg_catalog.pg_prepared_xacts x where x.database = d.datname) as "preparedTransactions",
            array(select s.slot_name::text from pg_catalog.pg_replication_slots s where s.database = d.datname) as "replicationSlots"
       from pg_catalog.pg_database d join pg_catalog.pg_roles r on r.oid = d.datdba
      where d.datname = $1`,
    [server.database],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`the database "${server.database}" has just gone`);
  const objects = await withConnection(server, server.database, countObjects);
  return {
    ...row,
    sizeBytes: Number(row.sizeBytes),
    objects,
    sessions: await readSessions(client, server.database),
  };
}

/** What somebody made in a database: nothing of the system's, nothing of an extension's. */
async function countObjects(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `with made as (
       select 'pg_catalog.pg_class'::regclass as catalog, c.oid from pg_catalog.pg_class c where c.relkind not in ('t', 'i', 'I')
       union all select 'pg_catalog.pg_proc'::regclass, oid from pg_catalog.pg_proc
       union all select 'pg_catalog.pg_namespace'::regclass, oid from pg_catalog.pg_namespace
       union all select 'pg_catalog.pg_type'::regclass, oid from pg_catalog.pg_type where typrelid = 0 and typelem = 0)
     select ((select count(*) from made m
               where m.oid >= 16384
                 and not exists (select from pg_catalog.pg_depend x where x.classid = m.catalog and x.objid = m.oid and x.deptype = 'e')
                 and not exists (select from pg_catalog.pg_namespace n where m.catalog = 'pg_catalog.pg_namespace'::regclass and n.oid = m.oid and n.nspname = 'public'))
             + (select count(*) from pg_catalog.pg_largeobject_metadata))::int as count`,
  );
  return rows[0]?.count ?? 0;
}

/** Who is connected, ourselves excepted. */
export async function readSessions(client: ClientBase, database: string): Promise<Session[]> {
  const { rows } = await client.query<Session>(
    `select pid, application_name as application, coalesce(usename, '?')::text as role,
            coalesce(host(client_addr), case when client_port = -1 then 'this machine' else '?' end) as "from", backend_start as since
       from pg_catalog.pg_stat_activity
      where datname = $1 and pid <> pg_catalog.pg_backend_pid() and coalesce(backend_type, 'client backend') not in ('autovacuum worker', 'parallel worker')
      order by backend_start`,
    [database],
  );
  return rows;
}

/** `psql, process 4711, role app, from 10.0.0.7` */
export function describeSession({ application, pid, role, from }: Session): string {
  return `${application === "" ? "a program that does not tell its name" : application}, process ${pid}, role ${role}, from ${from}`;
}
