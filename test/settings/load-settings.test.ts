import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import type { Environment } from "../../src/settings/environment.ts";
import { loadSettings } from "../../src/settings/load-settings.ts";
import { settingKeys } from "../../src/settings/setting-keys.ts";
import type { Settings } from "../../src/settings/settings.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "settings-"));
});
after(async () => {
  await rm(directory, { recursive: true, force: true });
});

function environmentOf(env: Record<string, string | undefined>, changes: Partial<Environment> = {}): Environment {
  return {
    env,
    userId: 1000,
    homeDirectory: "/home/ann",
    hostFqdn: () => Promise.resolve("Host.Example.COM"),
    ...changes,
  };
}

const noSystemFile = "/nonexistent/config.toml";

function load(env: Record<string, string | undefined>, changes: Partial<Environment> = {}): Promise<Settings> {
  return loadSettings(environmentOf(env, changes), noSystemFile);
}

/** Settings from this text as config.toml. */
async function loadToml(toml: string | Buffer, env: Record<string, string> = {}): Promise<Settings> {
  const file = join(directory, "config.toml");
  await writeFile(file, toml);
  return load({ BACKUP_AWARENESS_HOME: "/srv/home", BACKUP_AWARENESS_CONFIG: file, ...env });
}

async function faultOf(loading: Promise<Settings>): Promise<{ message: string; hint: string }> {
  try {
    await loading;
  } catch (error) {
    assert.ok(error instanceof BackupAwarenessError, `a bare ${String(error)}`);
    assert.equal(error.code, "SETTINGS_INVALID");
    return { message: error.message, hint: error.hint ?? "" };
  }
  return assert.fail("it was taken");
}

describe("where nothing is set", () => {
  test("an ordinary user's home is the XDG state directory, and what is protected is Backup Awareness itself", async () => {
    const settings = await load({});
    assert.deepEqual(settings, {
      home: "/home/ann/.local/state/backup-awareness",
      configFile: null,
      fqdn: "host.example.com",
      listen: { host: "127.0.0.1", port: 8480 },
      databaseUrl: null,
      scopes: new Map<string, unknown>([
        ["db", { kind: "database", url: null }],
        ["files", { kind: "files", paths: ["/home/ann/.local/state/backup-awareness"], exclude: [] }],
      ]),
      archiveDirectory: "/home/ann/.local/state/backup-awareness/backups",
      notification: { allowPrivateAddresses: [], allowCommand: false, publicUrl: null },
      metrics: { listen: null, maxEngines: 1000 },
      importers: [],
      protectsOnlyItself: true,
    });
  });

  test("root's home is the system's", async () => {
    assert.equal((await load({}, { userId: 0 })).home, "/var/lib/backup-awareness");
  });

  test("XDG_STATE_HOME is followed when absolute and ignored when not", async () => {
    assert.equal((await load({ XDG_STATE_HOME: "/state" })).home, "/state/backup-awareness");
    assert.equal((await load({ XDG_STATE_HOME: "state" })).home, "/home/ann/.local/state/backup-awareness");
  });

  test("an empty variable counts as not set", async () => {
    const settings = await load({
      BACKUP_AWARENESS_LISTEN: "",
      BACKUP_AWARENESS_HOME: "",
      BACKUP_AWARENESS_CONFIG: "",
      BACKUP_AWARENESS_SCOPES_DB_URL: "",
    });
    assert.equal(settings.listen.port, 8480);
    assert.equal(settings.protectsOnlyItself, true);
  });
});

describe("config.toml", () => {
  test("says everything that the documentation shows", async () => {
    const docs = await readFile(new URL("../../docs/settings.md", import.meta.url), "utf8");
    const example = /```toml\n([^`]*)```/.exec(docs)?.[1] ?? assert.fail("no example");
    const settings = await loadToml(example);
    assert.equal(settings.fqdn, "engine.example.com");
    assert.match(settings.databaseUrl ?? "", /passfile/);
    assert.deepEqual([...settings.scopes.keys()].toSorted(), ["db", "dwhdb", "files"]);
    assert.deepEqual(settings.scopes.get("files"), {
      kind: "files",
      paths: ["/etc/myapp", "/var/lib/myapp"],
      exclude: ["*.tmp"],
    });
    assert.equal(settings.archiveDirectory, "/backup");
    assert.equal(settings.protectsOnlyItself, false);
  });

  test("its directory is what is backed up where no paths are named", async () => {
    assert.deepEqual((await loadToml("")).scopes.get("files"), { kind: "files", paths: [directory], exclude: [] });
  });

  test("either scopes.db.url or scopes.files.paths protects more than Backup Awareness itself", async () => {
    assert.equal((await loadToml('[scopes.db]\nurl = "postgres://h/db"')).protectsOnlyItself, false);
    assert.equal((await loadToml('[scopes.files]\npaths = ["/etc/x"]')).protectsOnlyItself, false);
    assert.equal(
      (await loadToml('[scopes.files]\nexclude = ["x"]\n[database]\nurl = "postgres://h/db"')).protectsOnlyItself,
      true,
    );
  });

  test("in the home goes before the machine's, and the one that is named before both", async () => {
    const home = join(directory, "home");
    await mkdir(home, { recursive: true });
    const [inHome, system, named] = [
      join(home, "config.toml"),
      join(directory, "system.toml"),
      join(directory, "named.toml"),
    ];
    await writeFile(system, 'fqdn = "system"');
    const env = { BACKUP_AWARENESS_HOME: home };
    assert.equal((await loadSettings(environmentOf(env), system)).fqdn, "system");
    await writeFile(inHome, 'fqdn = "home"');
    assert.equal((await loadSettings(environmentOf(env), system)).fqdn, "home");
    await writeFile(named, 'fqdn = "named"');
    assert.equal((await loadSettings(environmentOf({ ...env, BACKUP_AWARENESS_CONFIG: named }), system)).fqdn, "named");
  });

  test("must exist when it is named", async () => {
    assert.match(
      (await faultOf(load({ BACKUP_AWARENESS_CONFIG: "/nonexistent/x.toml" }))).message,
      /names "\/nonexistent\/x\.toml", which does not exist/,
    );
  });

  test("that may not be read is no reason to go on without it", { skip: process.getuid?.() === 0 }, async () => {
    const file = join(directory, "closed.toml");
    await writeFile(file, "");
    await chmod(file, 0);
    assert.match((await faultOf(load({ BACKUP_AWARENESS_CONFIG: file }))).message, /permission denied/);
  });

  test("that is a directory or is not UTF-8 is refused", async () => {
    assert.match((await faultOf(load({ BACKUP_AWARENESS_CONFIG: directory }))).message, /cannot read/);
    assert.match((await faultOf(loadToml(Buffer.from([0x66, 0xff, 0xfe])))).message, /not UTF-8/);
  });

  test("with a fault in its TOML is refused by line and column, without quoting what may be a password", async () => {
    const { message } = await faultOf(loadToml('[database]\nurl = "postgres://u:s3cret@h/db\n'));
    assert.match(message, /config\.toml, line 2, column \d+: not valid TOML/);
    assert.doesNotMatch(message, /s3cret/);
  });
});

describe("an unknown key", () => {
  for (const [toml, named, hint] of [
    ["fqnd = 'x'", '"fqnd" is no setting', 'did you mean "fqdn"?'],
    ["[database]\nurk = 'x'", '"database.urk"', 'did you mean "database.url"?'],
    ["[databse]\nurl = 'x'", '"databse"', 'did you mean "database"?'],
    ["[scopes.files]\npath = ['/x']", '"scopes.files.path"', 'did you mean "scopes.files.paths"?'],
    ["[scopes.db]\npaths = ['/x']", '"scopes.db.paths"', "known here: url"],
    [
      "colour = 'red'",
      '"colour"',
      "known here: fqdn, listen, database, scopes, archive, notification, metrics, importers",
    ],
  ] as const) {
    test(`is named: ${JSON.stringify(toml)}`, async () => {
      const fault = await faultOf(loadToml(toml));
      assert.ok(fault.message.includes(named) && fault.message.includes("config.toml"), fault.message);
      assert.equal(fault.hint, hint);
    });
  }

  test("of the environment is named when it is nearly ours, and left alone when it is not", async () => {
    const fault = await faultOf(load({ BACKUP_AWARENESS_DATABSE_URL: "postgres://h/db" }));
    assert.match(fault.message, /BACKUP_AWARENESS_DATABSE_URL is no setting/);
    assert.equal(fault.hint, "did you mean BACKUP_AWARENESS_DATABASE_URL?");
    await load({ BACKUP_AWARENESS_COLOUR: "red" });
  });
});

describe("a value that cannot be used is refused by its place", () => {
  for (const [toml, message] of [
    ["fqdn = 5", /config\.toml: fqdn: 5 is no text/],
    ["fqdn = ''", /fqdn: "" is empty/],
    ['fqdn = "a b"', /holds a blank/],
    ['fqdn = "a\\u0000b"', /holds a NUL/],
    ['fqdn = "a\\nb"', /holds a blank or a control character/],
    [`fqdn = "${"x".repeat(256)}"`, /longer than 255/],
    ['listen = "8480"', /listen: "8480" is no address and port/],
    ['listen = ":8480"', /is no address and port/],
    ['listen = "300.1.1.1:80"', /is no address and port/],
    ['listen = "127.0.0.1:65536"', /beyond 65535/],
    ['listen = "::1:80"', /is no address and port/],
    ['listen = "[::g]:80"', /is no address and port/],
    ['database = "postgres://u:s3cret@h/db"', /database: .* is no table/],
    ['[database]\nurl = ""', /database\.url: "" is no PostgreSQL URL: it is empty/],
    ['[database]\nurl = "mysql://u:s3cret@h/db"', /must begin with "postgres:/],
    ['[database]\nurl = "postgres://u:s3cret@h:99999/db"', /PostgreSQL URL/],
    ['[database]\nurl = "postgres://u:s3cret%zz@h/db"', /two hexadecimal digits/],
    ['[database]\nurl = "postgres://u:s3@cret@h/db"', /%40/],
    ['[database]\nurl = "postgres://u:s3#cret@h/db"', /%23/],
    ['[database]\nurl = "postgres://a,b/db"', /more than one host/],
    ['[database]\nurl = "host=h password=s3cret"', /must begin with/],
    ['fqdn = "postgres://u:s3cret@ /db"', /holds a blank/],
    ['[scopes.Db]\nurl = "postgres://h/db"', /"Db" is no name of a scope/],
    ['[scopes."a b"]\nurl = "postgres://h/db"', /is no name of a scope/],
    ["[scopes.grafanadb]", /scopes\.grafanadb: \{\} names no url/],
    ["scopes = 1", /scopes: 1 is no table/],
    ['[scopes.files]\npaths = "/x"', /scopes\.files\.paths: "\/x" is no list/],
    ["[scopes.files]\npaths = []", /names no path/],
    ['[scopes.files]\npaths = ["x"]', /scopes\.files\.paths\[0\]: "x" is no absolute path/],
    ['[scopes.files]\npaths = ["/x\\u0000"]', /holds a NUL/],
    ['[scopes.files]\nexclude = [""]', /exclude\[0\]: "" is empty/],
    ['[archive]\ndirectory = "backups"', /archive\.directory: "backups" is no absolute path/],
    ["[archive]\ndirectory = 1979-05-27", /is no text/],
  ] as const) {
    test(toml.replaceAll("\n", " ").slice(0, 70), async () => {
      const fault = await faultOf(loadToml(toml));
      assert.match(fault.message, message);
      assert.doesNotMatch(fault.message + fault.hint, /s3cret/);
      assert.notEqual(fault.hint, "");
    });
  }
});

describe("the environment", () => {
  test("wins over the file, setting by setting", async () => {
    const settings = await loadToml(
      'fqdn = "file"\nlisten = "0.0.0.0:1"\n[scopes.db]\nurl = "postgres://file/db"\n[scopes.dwhdb]\nurl = "postgres://file/dwh"',
      {
        BACKUP_AWARENESS_FQDN: "Env",
        BACKUP_AWARENESS_SCOPES_DB_URL: "postgres://env/db",
        BACKUP_AWARENESS_SCOPES_GRAFANADB_URL: "postgres://env/grafana",
        BACKUP_AWARENESS_ARCHIVE_DIRECTORY: "/a//b/",
      },
    );
    assert.equal(settings.fqdn, "env");
    assert.deepEqual(settings.listen, { host: "0.0.0.0", port: 1 });
    assert.deepEqual(settings.scopes.get("db"), { kind: "database", url: "postgres://env/db" });
    assert.deepEqual(settings.scopes.get("dwhdb"), { kind: "database", url: "postgres://file/dwh" });
    assert.deepEqual(settings.scopes.get("grafanadb"), { kind: "database", url: "postgres://env/grafana" });
    assert.equal(settings.archiveDirectory, "/a/b");
  });

  test("means the file's scope where an underscore stands for its hyphen", async () => {
    const settings = await loadToml('[scopes.my-app]\nurl = "postgres://file/db"', {
      BACKUP_AWARENESS_SCOPES_MY_APP_URL: "postgres://env/db",
    });
    assert.deepEqual(settings.scopes.get("my-app"), { kind: "database", url: "postgres://env/db" });
    assert.equal(settings.scopes.has("my_app"), false);
  });

  test("lists paths with colons or as JSON", async () => {
    const paths = async (text: string) =>
      (await load({ BACKUP_AWARENESS_SCOPES_FILES_PATHS: text })).scopes.get("files");
    assert.deepEqual(await paths("/a:/b c"), { kind: "files", paths: ["/a", "/b c"], exclude: [] });
    assert.deepEqual(await paths('["/a:b"]'), { kind: "files", paths: ["/a:b"], exclude: [] });
    assert.match((await faultOf(load({ BACKUP_AWARENESS_SCOPES_FILES_PATHS: "[/a" }))).message, /is no JSON array/);
    assert.match(
      (await faultOf(load({ BACKUP_AWARENESS_SCOPES_FILES_PATHS: "/a:" }))).message,
      /FILES_PATHS\[1\]: "" is empty/,
    );
  });

  test("cannot give the scope files a url", async () => {
    assert.match(
      (await faultOf(load({ BACKUP_AWARENESS_SCOPES_FILES_URL: "postgres://h/db" }))).message,
      /the scope files has no url/,
    );
  });
});

describe("URLs that psql takes are taken", () => {
  for (const url of [
    "postgres://h/db",
    "postgresql://u@h:5433/db",
    "postgres://u:p%40ss@[::1]:5433/db?sslmode=verify-full",
    "postgres:///db?host=/run/postgresql",
    "postgres://u@/db?host=/run/postgresql",
    "postgres://%2Frun%2Fpostgresql/db",
    "postgres://u@h/db?passfile=%2Fetc%2Fba%2Fpgpass",
  ]) {
    test(url, async () => {
      assert.equal((await load({ BACKUP_AWARENESS_DATABASE_URL: url })).databaseUrl, url);
    });
  }
});

describe("whatever is in it", () => {
  const hostileText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom(
      "\0",
      "%s",
      "'; drop table x; --",
      "postgres://u:s3cret@h/db",
      "__proto__",
      "constructor",
      "127.0.0.1:80",
      "/",
      "[",
      '["',
      "💾".repeat(1000),
    ),
  );
  const hostileValue = fc.oneof(
    hostileText.map((text) => JSON.stringify(text)),
    fc.integer().map(String),
    fc.constantFrom(
      "true",
      "nan",
      "inf",
      "1979-05-27T07:32:00Z",
      "[]",
      "{}",
      "[[1]]",
      "0x10",
      "9223372036854775807",
      "{url = 1}",
    ),
    fc
      .array(
        hostileText.map((text) => JSON.stringify(text)),
        { maxLength: 3 },
      )
      .map((items) => `[${items.join(",")}]`),
  );
  const hostileLine = fc.oneof(
    fc
      .tuple(
        fc.constantFrom(
          "fqdn",
          "listen",
          "database",
          "database.url",
          "scopes",
          "scopes.db.url",
          "scopes.files",
          "scopes.files.paths",
          "scopes.files.exclude",
          "archive.directory",
          '"__proto__"',
          "constructor",
        ),
        hostileValue,
      )
      .map(([key, value]) => `${key} = ${value}`),
    fc.tuple(hostileText, hostileValue).map(([key, value]) => `${JSON.stringify(key)} = ${value}`),
    hostileText,
  );

  test("a config.toml is read or refused as SETTINGS_INVALID, and no password is shown", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(hostileLine, { maxLength: 4 }), async (lines) => {
        try {
          await loadToml(lines.join("\n"));
        } catch (error) {
          assert.ok(error instanceof BackupAwarenessError && error.code === "SETTINGS_INVALID", String(error));
          assert.doesNotMatch(error.message, /:s3cret@/);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("an environment is read or refused as SETTINGS_INVALID", async () => {
    const variable = fc.oneof(
      fc.constantFrom(...Object.values(settingKeys).map((setting) => setting.variable)),
      hostileText.map((text) => `BACKUP_AWARENESS_SCOPES_${text.toUpperCase()}_URL`),
      hostileText.map((text) => `BACKUP_AWARENESS_${text}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(variable, hostileText, { maxKeys: 4 }), async (env) => {
        try {
          await load(env);
        } catch (error) {
          assert.ok(error instanceof BackupAwarenessError && error.code === "SETTINGS_INVALID", String(error));
          assert.doesNotMatch(error.message, /:s3cret@/);
        }
      }),
      { numRuns: 300 },
    );
  });
});

test("docs/settings.md lists every setting, and no other", async () => {
  const docs = await readFile(new URL("../../docs/settings.md", import.meta.url), "utf8");
  const rows = [...docs.matchAll(/^\| (?:`([^`]+)`)? ?\| `([^`]+)` \|/gm)].map(([, key, variable]) => ({
    key: key ?? null,
    variable,
  }));
  assert.deepEqual(rows, Object.values(settingKeys));
});

describe("an importer", () => {
  const nightly = (lines: string) => `[importers.nightly]\nkind = "restic"\nscope = "files"\n${lines}`;

  test("is its kind's command, of this host's engine, every hour, unless told otherwise", async () => {
    const [plain] = (await loadToml(nightly(""))).importers;
    assert.deepEqual(plain, {
      name: "nightly",
      kind: "restic",
      scope: "files",
      fqdn: "host.example.com",
      command: null,
      path: null,
      pattern: null,
      minimumBytes: 1,
      environment: {},
      timeZone: "UTC",
      everyMs: 3_600_000,
      acceptsUnknown: false,
    });
    const lines = `engine = "Web1"\ncommand = "restic snapshots --json | cat"\nevery = "15m"\naccept_unknown = true\ntimezone = "Europe/Berlin"\nenvironment = { RESTIC_PASSWORD = "x" }`;
    const [told] = (await loadToml(nightly(lines))).importers;
    assert.deepEqual(
      [told?.fqdn, told?.command, told?.everyMs, told?.acceptsUnknown, told?.timeZone, told?.environment],
      [
        "web1",
        ["/bin/sh", "-c", "restic snapshots --json | cat"],
        900_000,
        true,
        "Europe/Berlin",
        { RESTIC_PASSWORD: "x" },
      ],
    );
  });

  for (const [lines, fault] of [
    ['[importers.a]\nscope = "db"', "importers.a.kind"],
    ['[importers.a]\nkind = "resitc"\nscope = "db"', "no kind of importer"],
    ['[importers.a]\nkind = "barman"\nscope = "db"', "names no command"],
    ['[importers.a]\nkind = "dumps"\nscope = "db"', "importers.a.path"],
    ['[importers.a]\nkind = "dumps"\nscope = "db"\npath = "/b"\ncommand = "x"', "importers.a.command"],
    ['[importers.a]\nkind = "pgbackrest"\nscope = "db"\naccept_unknown = true', "accept_unknown"],
    ['[importers.a]\nkind = "restic"\nscope = "db"\nevery = "5s"', "importers.a.every"],
    ['[importers.a]\nkind = "restic"\nscope = "db"\ntimezone = "Mars"', "no time zone"],
    ['[importers.a]\nkind = "restic"\nscope = "db"\ncolour = "red"', "importers.a.colour"],
  ] as const) {
    test(`is refused where it cannot be used: ${fault}`, async () => {
      assert.match((await faultOf(loadToml(lines))).message, new RegExp(fault));
    });
  }
});
