import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { eventTypes, severities } from "../../src/contract/event.ts";
import { migrate, readSchemaSource, type SchemaSource, schemaStatus } from "../../src/database/migrate.ts";
import { recordReport } from "../../src/database/record-report.ts";
import { schemaSnapshot } from "../../scripts/schema-snapshot.ts";
import { sqlDirectory } from "../support/migrated-database.ts";
import { createDatabase, testServers } from "../support/servers.ts";

const source = await readSchemaSource(sqlDirectory);
const versions = { source, ownFqdn: "own.example.com", programVersion: "0.1.0" };

for (const server of testServers) {
  describe(`migrate on PostgreSQL ${server.major}`, () => {
    let database: Awaited<ReturnType<typeof createDatabase>>;
    let pool: pg.Pool;

    before(async () => {
      database = await createDatabase(server);
      pool = new pg.Pool({ connectionString: database.url, max: 4 });
    });
    after(async () => {
      await pool.end();
      await database.drop();
    });

    /** A database of one test's own. */
    async function withDatabase(work: (pool: pg.Pool, url: string) => Promise<void>): Promise<void> {
      const own = await createDatabase(server);
      const ownPool = new pg.Pool({ connectionString: own.url, max: 4 });
      try {
        await work(ownPool, own.url);
      } finally {
        await ownPool.end();
        await own.drop();
      }
    }

    async function searchPathOf(url: string): Promise<string | undefined> {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query<{ search_path: string }>("show search_path");
      await client.end();
      return rows[0]?.search_path;
    }

    test("leaves an application's tables, search path and rights alone", async () => {
      await withDatabase(async (ownPool, url) => {
        const name = new URL(url).pathname.slice(1);
        await ownPool.query(`
          create schema app;
          create table app.engine (id int primary key, note text);
          create table public.option (value text);
          create function public.policy() returns int language sql as 'select 42';
          insert into app.engine values (1, 'mine');
          alter database "${name}" set search_path = app, public`);
        await migrate({ pool: ownPool, ...versions });
        const client = new pg.Client({ connectionString: url });
        await client.connect();
        try {
          assert.deepEqual((await client.query("show search_path")).rows, [
            { search_path: "app, public, backup_awareness" },
          ]);
          assert.deepEqual((await client.query("select * from engine")).rows, [{ id: 1, note: "mine" }]);
          assert.deepEqual((await client.query("select policy() as answer")).rows, [{ answer: 42 }]);
          await client.query("SELECT LogEngineBackupEvent('db', now(), 1, 'ok', 'other.example.com', '/tmp/x.log')");
          assert.equal((await client.query("select * from backup_awareness.engine_backup_log")).rowCount, 1);
        } finally {
          await client.end();
        }
      });
    });

    test("appends the schema to the server's own search path where the database has none, and once only", async () => {
      await migrate({ pool, ...versions });
      await pool.query("update backup_awareness.installation set procedures_checksum = 'former'");
      await migrate({ pool, ...versions });
      assert.equal(await searchPathOf(database.url), '"$user", public, backup_awareness');
    });

    test("replaces an empty search path", async () => {
      await withDatabase(async (ownPool, url) => {
        await ownPool.query(`alter database "${new URL(url).pathname.slice(1)}" set search_path = ''`);
        await migrate({ pool: ownPool, ...versions });
        assert.deepEqual(await searchPathOf(url), "backup_awareness");
      });
    });

    test("appends the schema also where a restored dump has brought all but that", async () => {
      await withDatabase(async (ownPool, url) => {
        await migrate({ pool: ownPool, ...versions });
        await ownPool.query(`alter database "${new URL(url).pathname.slice(1)}" reset search_path`);
        assert.equal((await migrate({ pool: ownPool, ...versions })).proceduresApplied, false);
        assert.equal(await searchPathOf(url), '"$user", public, backup_awareness');
      });
    });

    test("refuses to share an application's own job queue, and says so", async () => {
      await withDatabase(async (ownPool) => {
        await ownPool.query("create schema graphile_worker");
        await assert.rejects(migrate({ pool: ownPool, ...versions }), (error: unknown) => {
          assert.ok(error instanceof BackupAwarenessError);
          assert.match(
            error.message,
            /^the schema graphile_worker of this database belongs to postgres: an application/,
          );
          return true;
        });
      });
    });

    test("works in a database whose encoding lacks most characters, where a report's wording gives way", async () => {
      const name = `latin1_${server.major}_${process.pid}`;
      await pool.query(`create database ${name} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'`);
      const url = new URL(database.url);
      url.pathname = `/${name}`;
      const latinPool = new pg.Pool({ connectionString: url.href, max: 2 });
      try {
        await migrate({ pool: latinPool, ...versions });
        const report = { scope: "db", doneAt: new Date(), status: "completed", fqdn: null, logPath: null } as const;
        assert.equal(await recordReport(latinPool, { ...report, outputMessage: "grün 🙂\0 done" }), true);
        const { rows } = await latinPool.query("select output_message from backup_awareness.engine_backup_log");
        assert.deepEqual(rows, [{ output_message: "gr?n ?? done" }]);
      } finally {
        await latinPool.end();
        await pool.query(`drop database ${name}`);
      }
    });

    test("makes the schema that sql/schema.snapshot shows", async () => {
      await migrate({ pool, ...versions });
      const client = await pool.connect();
      try {
        assert.equal(await schemaSnapshot(client), await readFile(join(sqlDirectory, "schema.snapshot"), "utf8"));
      } finally {
        client.release();
      }
    });

    test("declares the contract's events", async () => {
      const { rows } = await pool.query("select name, code, severity from backup_awareness.event_type order by code");
      const declared = Object.entries(eventTypes).map(([name, { code, severity }]) => ({
        name,
        code,
        severity: severities[severity],
      }));
      assert.deepEqual(
        rows,
        declared.toSorted((a, b) => a.code - b.code),
      );
    });

    test("is safe from several processes at once, also when the roles do not exist yet", async () => {
      await withDatabase(async (ownPool, url) => {
        const pools = Array.from({ length: 4 }, () => new pg.Pool({ connectionString: url, max: 2 }));
        const outcomes = await Promise.all(pools.map((each) => migrate({ pool: each, ...versions })));
        await Promise.all(pools.map((each) => each.end()));
        assert.equal(outcomes.filter(({ applied }) => applied.length === source.migrations.length).length, 1);
        assert.equal(outcomes.filter(({ applied }) => applied.length === 0).length, 3);
        assert.equal((await ownPool.query("select from backup_awareness.engine")).rowCount, 1);
      });
    });

    test("does nothing the second time, and says so", async () => {
      await migrate({ pool, ...versions });
      assert.deepEqual(await migrate({ pool, ...versions }), {
        applied: [],
        proceduresApplied: false,
        version: source.migrations.length,
      });
      assert.deepEqual(await schemaStatus(pool, versions), {
        version: source.migrations.length,
        target: source.migrations.length,
        current: true,
        programVersion: "0.1.0",
      });
    });

    test("keeps set options and the own engine when it runs again", async () => {
      await migrate({ pool, ...versions });
      await pool.query("select backup_awareness.set_option('BackupAlertPeriodInDays', '5', 'test')");
      await pool.query("update backup_awareness.installation set procedures_checksum = 'former'");
      await migrate({ pool, ...versions, ownFqdn: "another.example.com", programVersion: "0.1.1" });
      const { rows } = await pool.query(
        "select value, own_fqdn from backup_awareness.option, backup_awareness.installation where name = 'BackupAlertPeriodInDays'",
      );
      assert.deepEqual(rows, [{ value: 5, own_fqdn: "own.example.com" }]);
      await pool.query("update backup_awareness.installation set program_version = '0.1.0'");
    });

    test("applies a new migration and new procedures, drops those that are gone, and all of it or nothing", async () => {
      await withDatabase(async (ownPool) => {
        await migrate({
          pool: ownPool,
          ...versions,
          source: {
            ...source,
            procedures: `${source.procedures}\ncreate function obsolete() returns int language sql as 'select 1';`,
            proceduresChecksum: "first",
          },
        });
        const next: SchemaSource = {
          ...source,
          migrations: [
            ...source.migrations,
            { version: 9000, name: "9000_add_note", sql: "alter table engine add note text", checksum: "x" },
          ],
        };
        const broken = { ...next, procedures: `${source.procedures}\ncreate function broken( syntax error` };
        await assert.rejects(migrate({ pool: ownPool, ...versions, source: broken }), /syntax error/);
        assert.equal(
          (await schemaStatus(ownPool, { ...versions, source: { ...source, proceduresChecksum: "first" } })).current,
          true,
        );
        assert.deepEqual((await migrate({ pool: ownPool, ...versions, source: next })).applied, ["9000_add_note"]);
        await ownPool.query("select note from backup_awareness.engine");
        await assert.rejects(ownPool.query("select backup_awareness.obsolete()"), { code: "42883" });
      });
    });

    const refused = (code: string) => (error: unknown) => {
      assert.ok(error instanceof BackupAwarenessError, String(error));
      assert.equal(error.code, code);
      assert.ok(error.hint);
      return true;
    };

    test("refuses a database that is newer than the program, and changes nothing", async () => {
      await migrate({ pool, ...versions });
      const older = { ...source, migrations: source.migrations.slice(0, -1), proceduresChecksum: "older" };
      await assert.rejects(migrate({ pool, ...versions, source: older }), refused("DATABASE_NEWER"));
      const otherProcedures = { source: { ...source, proceduresChecksum: "older" }, programVersion: "0.0.9" };
      await assert.rejects(migrate({ pool, ...versions, ...otherProcedures }), refused("DATABASE_NEWER"));
      await assert.rejects(schemaStatus(pool, otherProcedures), refused("DATABASE_NEWER"));
      assert.equal((await schemaStatus(pool, { source, programVersion: "0.0.9" })).current, true);
      assert.equal((await schemaStatus(pool, versions)).current, true);
    });

    test("refuses to go on where an applied migration was edited", async () => {
      await migrate({ pool, ...versions });
      const [first, ...others] = source.migrations;
      assert.ok(first);
      const edited = { ...source, migrations: [{ ...first, checksum: "edited" }, ...others] };
      await assert.rejects(migrate({ pool, ...versions, source: edited }), refused("MIGRATION_CHANGED"));
    });

    test("works as a role with CREATEROLE that owns the database, and is no superuser", async () => {
      await withDatabase(async (ownPool, url) => {
        const name = new URL(url).pathname.slice(1);
        const role = `creator_${name.slice(-20)}`;
        await ownPool.query(
          `create role ${role} login createrole password 'x'; alter database "${name}" owner to ${role}`,
        );
        // As if it had made the roles itself: since PostgreSQL 16 that lets it hand them out, not act as them.
        const { rows } = await ownPool.query("select from pg_roles where rolname = 'backup_awareness_owner'");
        const as = server.major >= 16 ? "admin true, inherit false, set false" : "admin option";
        if (rows.length > 0)
          await ownPool.query(`grant backup_awareness_owner, backup_awareness to ${role} with ${as}`);
        const asRole = new URL(url);
        asRole.username = role;
        asRole.password = "x";
        const rolePool = new pg.Pool({ connectionString: asRole.href, max: 2 });
        try {
          await migrate({ pool: rolePool, ...versions });
          await rolePool.query("select backup_awareness.LogEngineBackupEvent('db', now(), 1, '', 'a.example.com', '')");
        } finally {
          await rolePool.end();
          await ownPool.query(
            `grant ${role} to current_user; reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`,
          );
        }
      });
    });

    test("tells a role without the rights what to do, and leaves nothing", async () => {
      await withDatabase(async (ownPool, url) => {
        const role = `poor_${new URL(url).pathname.slice(-20)}`;
        await ownPool.query(`create role ${role} login password 'x'`);
        const asRole = new URL(url);
        asRole.username = role;
        asRole.password = "x";
        const rolePool = new pg.Pool({ connectionString: asRole.href, max: 2 });
        try {
          await assert.rejects(migrate({ pool: rolePool, ...versions }), refused("DATABASE_RIGHTS"));
          assert.equal(
            (await ownPool.query("select from pg_namespace where nspname = 'backup_awareness'")).rowCount,
            0,
          );
        } finally {
          await rolePool.end();
          await ownPool.query(`drop role ${role}`);
        }
      });
    });
  });
}
