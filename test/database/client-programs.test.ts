import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { chooseClientProgram, findClientPrograms, type ClientProgram } from "../../src/database/client-programs.ts";

function program(major: number, minor = 0, directory = `/usr/lib/postgresql/${major}/bin`): ClientProgram {
  return { program: "pg_dump", path: `${directory}/pg_dump`, major, version: `${major}.${minor}` };
}

test("the same major is chosen where there are several, its newest minor first", () => {
  assert.deepEqual(
    chooseClientProgram([program(18), program(15, 3), program(15, 12), program(14)], 15),
    program(15, 12),
  );
});

test("without the same major the next newer is chosen", () => {
  assert.deepEqual(chooseClientProgram([program(18), program(17), program(14)], 15), program(17));
});

test("an older one is never chosen, and a newer one only where the same major is missing", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 9, max: 20 })), fc.integer({ min: 13, max: 19 }), (majors, serverMajor) => {
      const chosen = chooseClientProgram(
        majors.map((major) => program(major)),
        serverMajor,
      );
      const fitting = majors.filter((major) => major >= serverMajor);
      assert.equal(chosen?.major ?? null, fitting.length === 0 ? null : Math.min(...fitting));
    }),
  );
});

test("programs are found along PATH; what does not run, and Debian's wrapper, are passed over", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "client programs-"));
  context.after(() => rm(directory, { recursive: true }));
  const paths = ["good", "bad", "wrapped"].map((name) => join(directory, name));
  const [good = "", bad = "", wrapped = ""] = paths;
  for (const path of paths) await mkdir(path);
  await writeFile(join(good, "pg_dump"), '#!/bin/sh\necho "pg_dump (PostgreSQL) 99.1"\n');
  await writeFile(join(bad, "pg_dump"), "#!/bin/sh\nexit 1\n");
  await writeFile(join(wrapped, "pg_wrapper"), '#!/bin/sh\necho "pg_dump (PostgreSQL) 98.1"\n');
  for (const path of [join(good, "pg_dump"), join(bad, "pg_dump"), join(wrapped, "pg_wrapper")])
    await chmod(path, 0o755);
  await symlink("pg_wrapper", join(wrapped, "pg_dump"));
  const found = await findClientPrograms("pg_dump", `relative:${wrapped}:${bad}::${good}:/nonexistent`);
  assert.deepEqual(
    found.filter(({ major }) => major > 90),
    [{ program: "pg_dump", path: join(good, "pg_dump"), major: 99, version: "99.1" }],
  );
});
