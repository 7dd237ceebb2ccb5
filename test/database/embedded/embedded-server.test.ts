import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { platform } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { BackupAwarenessError } from "../../../src/contract/errors.ts";
import { acquireDaemonLock, findDaemon } from "../../../src/database/daemon-lock.ts";
import { databaseUrl } from "../../../src/database/open-database.ts";
import { isAlive, killAndWait, openHome, serverPid, startCompanion, temporaryHome } from "./temporary-home.ts";

const asRoot = process.getuid?.() === 0;

async function homeFor(context: TestContext, name?: string, ownerId: number | null = null): Promise<string> {
  const temporary = await temporaryHome(name, ownerId);
  context.after(() => temporary.remove());
  return temporary.home;
}

async function waitFor(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) assert.fail(`waited in vain: ${what}`);
    await delay(10);
  }
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe("the embedded server", () => {
  test("is made at the first opening, stopped by the last closing, and keeps what was written", async (context) => {
    const home = await homeFor(context);
    const first = await openHome(home);
    await first.pool.query("create table kept as select 42 as answer");
    const { rows } = await first.pool.query(
      `select current_setting('listen_addresses') as address, current_setting('unix_socket_directories') as sockets, current_setting('fsync') as fsync,
              current_setting('full_page_writes') as full_page_writes, current_setting('synchronous_commit') as synchronous_commit,
              current_setting('data_checksums') as checksums, current_setting('server_encoding') as encoding, current_setting('TimeZone') as timezone,
              current_setting('password_encryption') as password_encryption`,
    );
    assert.deepEqual(rows, [
      {
        address: "127.0.0.1",
        sockets: "",
        fsync: "on",
        full_page_writes: "on",
        synchronous_commit: "on",
        checksums: "on",
        encoding: "UTF8",
        timezone: "UTC",
        password_encryption: "scram-sha-256",
      },
    ]);
    await first.close();
    await first.close();
    assert.equal(await serverPid(home), null);

    const second = await openHome(home);
    assert.deepEqual((await second.pool.query("select answer from kept")).rows, [{ answer: 42 }]);
    assert.equal(second.url, first.url);
    await second.close();
    assert.equal(await serverPid(home), null);
  });

  test("logs the daemon's role in with no more than its rights, and the owner as superuser", async (context) => {
    const home = await homeFor(context);
    const daemon = await openHome(home, { role: "daemon" });
    const owner = await openHome(home, { role: "owner" });
    const who =
      "select session_user::text as login, current_user::text as role, rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user";
    assert.deepEqual((await daemon.pool.query(who)).rows, [
      {
        login: "backup_awareness",
        role: "backup_awareness",
        rolsuper: false,
        rolcreatedb: false,
        rolcreaterole: false,
      },
    ]);
    assert.deepEqual((await owner.pool.query(who)).rows, [
      { login: "postgres", role: "postgres", rolsuper: true, rolcreatedb: true, rolcreaterole: true },
    ]);
    await daemon.close();
    await owner.close();
  });

  test("keeps each role's password in a file of its own, mode 0600, and trusts nobody without one", async (context) => {
    const home = await homeFor(context);
    const database = await openHome(home);
    const postgres = join(home, "postgres");
    const passfiles = (await readdir(postgres)).filter((name) => name.endsWith(".pgpass"));
    assert.deepEqual(passfiles.toSorted(), ["backup_awareness.pgpass", "backup_reporter.pgpass", "postgres.pgpass"]);
    for (const name of passfiles) {
      assert.equal(await modeOf(join(postgres, name)), "600");
      assert.match(
        await readFile(join(postgres, name), "utf8"),
        new RegExp(`^127\\.0\\.0\\.1:\\*:\\*:${name.replace(".pgpass", "")}:[\\w-]{32}\n$`),
      );
    }
    assert.equal(await modeOf(home), asRoot ? "711" : "700");
    assert.equal(await modeOf(join(postgres, "data")), "700");
    assert.equal(await modeOf(join(postgres, "log")), "700");
    const { rows } = await database.pool.query("select distinct auth_method from pg_hba_file_rules");
    assert.deepEqual(rows, [{ auth_method: "scram-sha-256" }]);
    assert.doesNotMatch((await readdir(postgres)).join(), /initdb|unfinished/);
    await database.close();
  });

  test("is reached by psql with the URL of each role", async (context) => {
    const home = await homeFor(context, "ho'm \"e %41 ü");
    const settings = { home, databaseUrl: null };
    assert.equal(await databaseUrl(settings, "backup_awareness"), null);
    const database = await openHome(home);
    for (const role of ["backup_awareness", "backup_reporter", "postgres"] as const) {
      const url = (await databaseUrl(settings, role)) ?? assert.fail("no URL");
      assert.equal(new URL(url).password, "");
      const psql = await promisify(execFile)("psql", [
        url,
        "-XAtc",
        "select session_user || ' ' || current_database()",
      ]).catch((error: unknown) => {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
        throw error;
      });
      if (psql === null) context.diagnostic("psql is not installed");
      else assert.equal(psql.stdout, `${role} backup_awareness\n`);
    }
    await database.close();
  });

  test("listens on 127.0.0.1 and nowhere else", { skip: platform() !== "linux" }, async (context) => {
    const home = await homeFor(context);
    const database = await openHome(home);
    const port = Number(new URL(database.url).port);
    const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
    const listening: string[] = [];
    for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
      for (const line of (await readFile(table, "utf8").catch(() => "")).split("\n")) {
        const [, local = "", , state] = line.trim().split(/\s+/);
        if (state === "0A" && local.endsWith(`:${hexPort}`)) listening.push(local);
      }
    }
    assert.deepEqual(listening, [`0100007F:${hexPort}`]);
    await database.close();
  });

  test("takes another port where somebody has its own, and keeps that one", async (context) => {
    const home = await homeFor(context);
    const first = await openHome(home);
    const port = Number(new URL(first.url).port);
    await first.close();
    const intruder = createServer().listen(port, "127.0.0.1");
    await once(intruder, "listening");
    const second = await openHome(home);
    const otherPort = Number(new URL(second.url).port);
    assert.notEqual(otherPort, port);
    await second.close();
    intruder.close();
    await once(intruder, "close");
    const third = await openHome(home);
    assert.equal(Number(new URL(third.url).port), otherPort);
    await third.close();
  });

  test("runs for root as somebody else", { skip: !asRoot }, async (context) => {
    const home = await homeFor(context);
    const database = await openHome(home);
    const pid = (await serverPid(home)) ?? assert.fail("no server");
    assert.notEqual((await stat(`/proc/${pid}`)).uid, 0);
    assert.notEqual((await stat(join(home, "postgres", "data"))).uid, 0);
    await database.close();
  });

  test("tells root which directory shuts its user out", { skip: !asRoot }, async (context) => {
    const base = await homeFor(context);
    await mkdir(base, { mode: 0o700 });
    await assert.rejects(openHome(join(base, "home")), (error) => {
      assert.ok(error instanceof BackupAwarenessError && error.code === "HOME_UNUSABLE", String(error));
      assert.ok(error.message.includes(`may not enter "${base}"`), error.message);
      return true;
    });
  });

  test("runs for an ordinary user as himself", { skip: !asRoot }, async (context) => {
    const nobody = 65534;
    const home = await homeFor(context, "home", nobody);
    const reachable = await promisify(execFile)(process.execPath, ["-e", "0"], { uid: nobody, cwd: "/" }).then(
      () => true,
      () => false,
    );
    const readable = await promisify(execFile)("/bin/cat", [fileURLToPath(import.meta.url)], {
      uid: nobody,
      cwd: "/",
    }).then(
      () => true,
      () => false,
    );
    if (!reachable || !readable) {
      context.skip("this checkout is closed to others");
      return;
    }
    const companion = startCompanion(home, "stay", nobody);
    assert.match((await companion.readLine()) ?? "", /^open \d+$/);
    assert.equal((await stat(`/proc/${(await serverPid(home)) ?? assert.fail("no server")}`)).uid, nobody);
    await companion.finish();
    assert.equal(await serverPid(home), null);
  });

  test("says what it says when it cannot start", async (context) => {
    const home = await homeFor(context);
    await (await openHome(home)).close();
    await writeFile(join(home, "postgres", "data", "postgresql.conf"), "nonsense = 1\n", { flag: "a" });
    await assert.rejects(openHome(home), (error) => {
      assert.ok(error instanceof BackupAwarenessError && error.code === "POSTGRES_FAILED", String(error));
      assert.match(error.message, /unrecognized configuration parameter "nonsense"/);
      assert.ok(error.hint?.includes(join(home, "postgres", "log")));
      return true;
    });
  });

  test("says which major is missing when the cluster was made by one that is not here", async (context) => {
    const home = await homeFor(context);
    await (await openHome(home)).close();
    await writeFile(join(home, "postgres", "data", "PG_VERSION"), "12\n");
    await assert.rejects(openHome(home), (error) => {
      assert.ok(error instanceof BackupAwarenessError && error.code === "POSTGRES_MISSING", String(error));
      assert.match(error.message, /made by PostgreSQL 12/);
      assert.match(error.hint ?? "", /postgresql-12/);
      return true;
    });
  });

  test("never touches a data directory that is none", async (context) => {
    const home = await homeFor(context);
    await mkdir(join(home, "postgres", "data"), { recursive: true });
    await writeFile(join(home, "postgres", "data", "precious"), "x");
    await assert.rejects(openHome(home), { code: "POSTGRES_FAILED" });
    await access(join(home, "postgres", "data", "precious"));
  });
});

describe("a home that was damaged is repaired", () => {
  test("when a role or its password was changed", async (context) => {
    const home = await homeFor(context);
    const owner = await openHome(home);
    await owner.pool.query("drop role backup_reporter");
    await owner.pool.query("alter role backup_awareness password 'other' createdb nologin");
    await owner.close();
    const daemon = await openHome(home, { role: "daemon" });
    const { rows } = await daemon.pool.query(
      "select rolname::text, rolcanlogin, rolcreatedb from pg_roles where rolname like 'backup%' order by 1",
    );
    assert.deepEqual(rows, [
      { rolname: "backup_awareness", rolcanlogin: true, rolcreatedb: false },
      { rolname: "backup_reporter", rolcanlogin: true, rolcreatedb: false },
    ]);
    await daemon.close();
  });

  test("when the passfiles were lost, the superuser's too", async (context) => {
    const home = await homeFor(context);
    await (await openHome(home)).close();
    for (const role of ["postgres", "backup_awareness", "backup_reporter"])
      await rm(join(home, "postgres", `${role}.pgpass`));
    const owner = await openHome(home);
    const daemon = await openHome(home, { role: "daemon" });
    await daemon.close();
    await owner.close();
  });

  test("without a password in the server's log", async (context) => {
    const home = await homeFor(context);
    const owner = await openHome(home);
    await owner.pool.query("alter system set log_statement = 'all'");
    await owner.pool.query("select pg_reload_conf()");
    await owner.pool.query("drop role backup_reporter");
    await owner.close();
    await (await openHome(home)).close();
    const password =
      /([^:]*)\n$/.exec(await readFile(join(home, "postgres", "backup_reporter.pgpass"), "utf8"))?.[1] ??
      assert.fail("no password");
    const log = join(home, "postgres", "log");
    let text = "";
    for (const name of await readdir(log)) text += await readFile(join(log, name), "utf8");
    assert.match(text, /create role backup_reporter/);
    assert.ok(!text.includes(password));
  });
});

describe("several processes on one home", () => {
  test("that start at once, the cluster not made yet, share one server, and the last one stops it", async (context) => {
    const home = await homeFor(context);
    const companions = [1, 2, 3].map(() => startCompanion(home, "stay"));
    const ports = await Promise.all(companions.map((companion) => companion.readLine()));
    assert.match(ports[0] ?? "", /^open \d+$/);
    assert.deepEqual(new Set(ports).size, 1);
    const pid = (await serverPid(home)) ?? assert.fail("no server");
    await companions[0]?.finish();
    await companions[1]?.finish();
    assert.equal(await serverPid(home), pid);
    await companions[2]?.finish();
    assert.equal(await serverPid(home), null);
  });

  test("do not count one that was killed", async (context) => {
    const home = await homeFor(context);
    const killed = startCompanion(home, "stay");
    await killed.readLine();
    await killed.kill();
    assert.notEqual(await serverPid(home), null);
    await (await openHome(home)).close();
    assert.equal(await serverPid(home), null);
  });

  test("leave the server to an administrator's session, unless it is the daemon that leaves", async (context) => {
    const home = await homeFor(context);
    const command = await openHome(home);
    const password = /([^:]*)\n$/.exec(await readFile(join(home, "postgres", "postgres.pgpass"), "utf8"))?.[1] ?? "";
    const url = new URL(command.url);
    url.password = password;
    const psql = new pg.Client({ connectionString: url.href });
    psql.on("error", () => {
      // It is cut off at the end.
    });
    await psql.connect();
    await command.close();
    assert.equal((await psql.query("select 1")).rowCount, 1);
    const daemon = await openHome(home, { keepsServer: true });
    await daemon.close();
    assert.equal(await serverPid(home), null);
  });

  test("have one daemon among them: a second one is refused and told who the first is", async (context) => {
    const home = await homeFor(context);
    const daemon = startCompanion(home, "daemon");
    assert.match((await daemon.readLine()) ?? "", /^open/);
    assert.equal(await findDaemon({ home }), daemon.pid);
    const second = startCompanion(home, "daemon");
    assert.match(
      (await second.readLine()) ?? "",
      new RegExp(`^error HOME_IN_USE a daemon, process ${daemon.pid}, already works on the home`),
    );
    await daemon.kill();
    assert.equal(await findDaemon({ home }), null);
    const third = startCompanion(home, "daemon");
    assert.match((await third.readLine()) ?? "", /^open/);
    await third.finish();
    assert.equal(await serverPid(home), null);
    const lock = await acquireDaemonLock({ home }, process.getuid?.() ?? null);
    await lock.release();
    await lock.release();
  });
});

describe("kill -9", () => {
  test("of the writer, of its server, or of both, ten times between writes, loses nothing that was acknowledged", async (context) => {
    const home = await homeFor(context);
    const acknowledged: string[] = [];
    for (let round = 0; round < 10; round++) {
      const writer = startCompanion(home, "write");
      const opened = await writer.readLine();
      assert.match(opened ?? "", /^open \d+$/, `round ${round}`);
      for (let row = 0; row < 20; row++) {
        const number = await writer.readLine();
        assert.match(number ?? "", /^\d+$/);
        acknowledged.push(number ?? "");
      }
      const server = (await serverPid(home)) ?? assert.fail("no server");
      if (round % 3 !== 0) process.kill(server, "SIGKILL");
      if (round % 3 !== 1) await writer.kill();
      // What it managed to write until then counts as well.
      for (let line = await writer.readLine(); line !== null; line = await writer.readLine()) {
        if (/^\d+$/.test(line)) acknowledged.push(line);
      }
      if (round % 3 !== 0) await killAndWait(server);
    }
    const database = await openHome(home);
    const { rows } = await database.pool.query<{ number: string; times: number }>(
      "select number, count(*)::int as times from written group by number",
    );
    const times = new Map(rows.map((row) => [row.number, row.times]));
    assert.deepEqual(
      acknowledged.filter((number) => times.get(number) !== 1),
      [],
    );
    assert.ok(acknowledged.length >= 200);
    await database.close();
  });

  test("in the middle of initdb leaves nothing that the next start stumbles over", async (context) => {
    const home = await homeFor(context);
    const postgres = join(home, "postgres");
    const initdbBegun = async () => {
      const [unfinished] = (await readdir(postgres).catch(() => [])).filter((name) =>
        /^data\.unfinished-\w+$/.test(name),
      );
      return unfinished !== undefined && (await readdir(join(postgres, unfinished)).catch(() => [])).length > 3;
    };
    for (let round = 0; round < 3; round++) {
      const companion = startCompanion(home, "stay");
      await waitFor("initdb", initdbBegun);
      await companion.kill();
      await assert.rejects(access(join(postgres, "data")));
    }
    const database = await openHome(home);
    await database.close();
    await waitFor("the orphans' end", async () => {
      await (await openHome(home)).close();
      return true;
    });
  });

  test("of a process that has just launched the server lets the next one take it over", async (context) => {
    const home = await homeFor(context);
    await (await openHome(home)).close();
    for (let round = 0; round < 5; round++) {
      const companion = startCompanion(home, "stay");
      await waitFor("the launch", async () => (await serverPid(home)) !== null);
      await companion.kill();
      const database = await openHome(home);
      await database.close();
      assert.equal(await serverPid(home), null);
    }
  });

  test("of a daemon's server is noticed, and the server is started again", async (context) => {
    const home = await homeFor(context);
    const said: string[] = [];
    const logger = {
      info: (_: object, message: string) => void said.push(message),
      warn: (_: object, message: string) => void said.push(message),
    };
    const daemon = await openHome(home, { keepsServer: true, logger });
    const pid = (await serverPid(home)) ?? assert.fail("no server");
    await killAndWait(pid);
    await waitFor("the database's return", async () =>
      daemon.pool.query("select 1").then(
        () => true,
        () => false,
      ),
    );
    await waitFor("its word on it", () => Promise.resolve(said.includes("the embedded PostgreSQL runs again")));
    assert.ok(said.includes("the embedded PostgreSQL is gone; it is started again"));
    assert.notEqual(await serverPid(home), pid);
    await daemon.close();
    assert.equal(await serverPid(home), null);
    assert.equal(isAlive(pid), false);
  });
});
