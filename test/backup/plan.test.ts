import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { archiveConfig, archiveName, planScopes } from "../../src/backup/plan.ts";
import type { ScopeSettings } from "../../src/settings/settings.ts";

const database: ScopeSettings = { kind: "database", url: "postgres://x/y" };
const files: ScopeSettings = { kind: "files", paths: ["/etc/app"], exclude: [] };
const settings = {
  configFile: "/etc/backup-awareness/config.toml",
  scopes: new Map<string, ScopeSettings>([
    ["db", database],
    ["dwhdb", database],
    ["keycloak", database],
    ["files", files],
  ]),
};

describe("the plan of a backup", () => {
  it("covers all that is configured when nothing is asked for, or all", () => {
    for (const asked of [[], ["all"], ["db", "all"]]) {
      assert.deepEqual(
        planScopes(settings, asked).map(({ scope, memberName }) => `${scope} ${memberName}`),
        ["db ./db/engine_backup.db", "dwhdb ./db/dwh_backup.db", "keycloak ./db/keycloak.dump", "files ./files"],
      );
    }
  });

  it("covers what is asked for, each once", () => {
    assert.deepEqual(
      planScopes(settings, ["files", "db", "files"]).map(({ scope }) => scope),
      ["db", "files"],
    );
  });

  it("refuses a scope that is not configured, naming those that are", () => {
    assert.throws(() => planScopes(settings, ["db", "reportsdb"]), {
      code: "SCOPE_UNCONFIGURED",
      message: 'the scope "reportsdb" is not configured; configured: db, dwhdb, keycloak, files',
    });
    assert.throws(() => planScopes(settings, ["db,files"]), { hint: /one by one: --scope=db --scope=files/ });
  });

  it("names an archive by engine, time and what it covers", () => {
    const at = new Date("2026-11-24T01:30:05.678Z");
    assert.equal(
      archiveName("engine.example.com", at, ["db", "files"], true),
      "engine.example.com-20261124T013005Z.tar.zst",
    );
    assert.equal(
      archiveName("engine.example.com", at, ["db"], false),
      "engine.example.com-20261124T013005Z-db.tar.zst",
    );
  });

  it("makes a plain file name of any engine's name", () => {
    const at = new Date("2026-11-24T01:30:05Z");
    for (const fqdn of ["../../etc/passwd", "a b\n'\"", "…", "x".repeat(255)]) {
      assert.match(
        archiveName(fqdn, at, ["db"], true),
        /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}-20261124T013005Z\.tar\.zst$/,
      );
    }
  });

  it("says in ./config how each member was made", () => {
    assert.equal(
      archiveConfig([
        { scope: "db", kind: "database" },
        { scope: "dwhdb", kind: "database" },
        { scope: "files", kind: "files" },
      ]),
      "ARCHIVE_COMPRESSOR=zstd\nDB_DUMP_FORMAT=custom\nDB_DUMP_COMPRESSOR=None\nDWH_DB_DUMP_FORMAT=custom\nDWH_DB_DUMP_COMPRESSOR=None\nFILES_COMPRESSOR=None\n",
    );
  });
});
