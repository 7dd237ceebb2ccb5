import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { demandNothingLeft, readOptions } from "../../../src/cli/engine-backup/read-options.ts";
import type { OptionDefinition } from "../../../src/cli/engine-backup/option-definition.ts";
import { optionTable } from "../../../src/cli/engine-backup/option-table.ts";
import { BackupAwarenessError } from "../../../src/contract/errors.ts";

const definitions: readonly OptionDefinition[] = optionTable;

/** Options as they are typed: `--scope=db`. */
function read(...words: string[]) {
  return readOptions(
    words.map((word) => {
      const [name, ...rest] = word.replace(/^--/, "").split("=");
      const definition = definitions.find((each) => each.name === name);
      assert.ok(definition, `${word} is in the table`);
      return { definition, text: rest.length === 0 ? null : rest.join("=") };
    }),
  );
}

function refused(work: () => unknown): string {
  let told = "";
  assert.throws(work, (error: unknown) => {
    assert.ok(error instanceof BackupAwarenessError);
    assert.equal(error.exitCode, 2);
    assert.ok(error.hint);
    told = `${error.message} | ${error.hint}`;
    return true;
  });
  return told;
}

describe("engine-backup's options", () => {
  test("are read by name; without --mode a backup is meant", () => {
    assert.deepEqual(read("--file=/a=b.tar.zst"), { mode: "backup", options: { file: "/a=b.tar.zst" } });
  });

  test("may be repeated where that adds, as --scope does", () => {
    assert.deepEqual(read("--scope=db", "--scope=files").options.scope, ["db", "files"]);
  });

  test("take words in upper and lower case", () => {
    assert.equal(read("--mode=BACKUP").mode, "backup");
  });

  test("are refused when given twice with different values, and taken when the same", () => {
    assert.match(
      refused(() => read("--file=/a", "--file=/b")),
      /--file is given twice: "\/a" and "\/b"/,
    );
    assert.equal(read("--file=/a", "--file=/a").options.file, "/a");
  });

  test("are refused without a value, saying how it is written", () => {
    assert.match(
      refused(() => read("--file=")),
      /--file is given without a value \| as in: --file=FILE/,
    );
  });

  test("that are misspelt are refused with what was probably meant", () => {
    assert.match(
      refused(() => read("--mode=bakup")),
      /did you mean --mode=backup\?/,
    );
    assert.match(
      refused(() => {
        demandNothingLeft(["--Scop=db"]);
      }),
      /unknown option "--Scop=db" \| did you mean --scope\?/,
    );
    assert.match(
      refused(() => {
        demandNothingLeft(["db"]);
      }),
      /"db" belongs to no option \| values follow their option/,
    );
  });
});

describe("the table of options", () => {
  test("names each spelling once, and refers only to options that are there", () => {
    const spellings = definitions.flatMap(({ name, short, aliases = [] }) => [
      name,
      ...aliases,
      ...(short === undefined ? [] : [short]),
    ]);
    assert.deepEqual([...new Set(spellings)], spellings);
    for (const { contradicts = [], needs, modes } of definitions) {
      assert.ok(modes.length > 0);
      for (const { option } of [...contradicts, ...(needs === undefined ? [] : [needs])])
        assert.ok(
          definitions.some(({ name }) => name === option),
          option,
        );
    }
  });
});
