import assert from "node:assert/strict";
import { test } from "node:test";
import { choosePostgres, type PostgresInstallation } from "../../../src/database/embedded/choose-postgres.ts";
import { parseVersion } from "../../../src/database/embedded/find-postgres.ts";

function installed(version: string, origin: PostgresInstallation["origin"] = "machine"): PostgresInstallation {
  return { binDirectory: `/${origin}/${version}/bin`, version, major: Number.parseInt(version, 10), origin };
}

test("a new cluster is run by the machine's newest PostgreSQL, before the package's", () => {
  const chosen = choosePostgres(
    [
      installed("15.18", "package"),
      installed("14.2"),
      installed("16.9"),
      installed("16.10"),
      installed("18.1", "package"),
    ],
    null,
  );
  assert.deepEqual(chosen, installed("16.10"));
});

test("a new cluster is run by the package's where the machine has none that is new enough", () => {
  assert.deepEqual(
    choosePostgres([installed("12.22"), installed("15.18", "package")], null),
    installed("15.18", "package"),
  );
});

test("an existing cluster is run by its own major, the machine's newest minor first", () => {
  const installations = [installed("18.1"), installed("15.18", "package"), installed("15.3"), installed("15.12")];
  assert.deepEqual(choosePostgres(installations, 15), installed("15.12"));
  assert.deepEqual(
    choosePostgres([installed("18.1"), installed("15.18", "package")], 15),
    installed("15.18", "package"),
  );
});

test("an existing cluster whose major is not here is refused, naming it and what to install", () => {
  assert.throws(() => choosePostgres([installed("18.1")], 16), {
    code: "POSTGRES_MISSING",
    message: "the embedded database was made by PostgreSQL 16, which is not on this machine (found: 18.1)",
    hint: "install PostgreSQL 16 (Debian, Ubuntu: apt-get install postgresql-16)",
  });
});

test("where there is nothing, what to install is said", () => {
  assert.throws(() => choosePostgres([], null), { code: "POSTGRES_MISSING", message: /13 or newer.*none was found/ });
});

test("a version is read as every packager writes it", () => {
  assert.deepEqual(parseVersion("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), {
    major: 15,
    version: "15.18",
  });
  assert.deepEqual(parseVersion("pg_dump (PostgreSQL) 18beta1\n"), { major: 18, version: "18beta1" });
  assert.deepEqual(parseVersion("postgres (PostgreSQL) 9.6.24"), { major: 9, version: "9.6.24" });
  assert.equal(parseVersion("postgres: command of another kind"), null);
});
