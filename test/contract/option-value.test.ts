import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { type OptionDefinition, type OptionName, optionDefinitions } from "../../src/contract/option.ts";
import { allowedValues, formatOptionValue, parseOptionValue } from "../../src/contract/option-value.ts";
import { isScope } from "../../src/contract/scope.ts";

function definition(name: OptionName): OptionDefinition {
  return optionDefinitions.find((candidate) => candidate.name === name)!;
}

const period = definition("BackupCheckPeriodInHours");
const scopes = definition("BackupFullScopes");
const patterns = definition("BackupExcludedTables");

function refuses(option: OptionDefinition, text: string): string {
  try {
    const value = parseOptionValue(option, text);
    return assert.fail(`${JSON.stringify(text)} was taken as ${JSON.stringify(value)}`);
  } catch (error) {
    assert.ok(error instanceof BackupAwarenessError, String(error));
    assert.equal(error.code, "OPTION_INVALID");
    assert.ok(error.message.includes(option.name) && error.message.includes(allowedValues(option)), error.message);
    return error.message;
  }
}

describe("a whole number", () => {
  test("is taken from its range, both ends and the special value included", () => {
    for (const [text, value] of [
      ["1", 1],
      ["8760", 8760],
      ["-1", -1],
      ["007", 7],
    ] as const) {
      assert.equal(parseOptionValue(period, text), value);
    }
  });

  test("is refused outside its range, and where it is written otherwise than in plain digits", () => {
    for (const text of [
      "0",
      "8761",
      "-2",
      "",
      " 6",
      "6 ",
      "+6",
      "1e3",
      "0x10",
      "6.0",
      "6,0",
      "٣",
      "99999999999999999999",
      "--1",
      "6\n",
      "NaN",
    ]) {
      refuses(period, text);
    }
  });

  test("is refused with an error that names option, value and range", () => {
    assert.equal(
      refuses(period, "0"),
      'option BackupCheckPeriodInHours: "0" is not a whole number from 1 to 8760, or -1',
    );
  });

  test("is taken exactly where it is in the range, whatever is typed", () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer().map(String), fc.string()), (text) => {
        const allowed =
          /^-?\d{1,9}$/.test(text) && (Number(text) === -1 || (Number(text) >= 1 && Number(text) <= 8760));
        if (allowed) assert.equal(parseOptionValue(period, text), Number(text));
        else refuses(period, text);
      }),
    );
  });
});

describe("a list of scopes", () => {
  test("is split at commas; blanks around an item do not count", () => {
    assert.deepEqual(parseOptionValue(scopes, " db , files"), ["db", "files"]);
    assert.deepEqual(parseOptionValue(scopes, "db"), ["db"]);
  });

  test("is refused when it is empty, has an empty item, no scope, or one twice, and the error names the item", () => {
    refuses(scopes, "");
    refuses(scopes, "db,");
    assert.match(refuses(scopes, "db,Files"), /"Files" is not a scope/);
    assert.match(refuses(scopes, "db,files, db"), /"db" stands there twice/);
    refuses(scopes, Array.from({ length: 101 }, (_, number) => `s${number}`).join(","));
  });

  test("is what it was after printing and reading it again", () => {
    const scope = fc.stringMatching(/^[a-z][a-z0-9_-]{0,63}$/).filter(isScope);
    fc.assert(
      fc.property(fc.uniqueArray(scope, { minLength: 1, maxLength: 100 }), (list) => {
        assert.deepEqual(parseOptionValue(scopes, formatOptionValue(list)), list);
      }),
    );
  });
});

describe("a list of patterns", () => {
  test("may be empty", () => {
    assert.deepEqual(parseOptionValue(patterns, ""), []);
    assert.deepEqual(parseOptionValue(patterns, "  "), []);
  });

  test("keeps a comma within double quotes, and the quotes", () => {
    assert.deepEqual(parseOptionValue(patterns, 'public."a,b" , audit_*, "say ""hi, you"""'), [
      'public."a,b"',
      "audit_*",
      '"say ""hi, you"""',
    ]);
  });

  test("is refused with an open quote, an empty item, a control character, an item that is too long", () => {
    assert.match(refuses(patterns, 'a,"b'), /not closed/);
    assert.match(refuses(patterns, "a,,b"), /empty item/);
    assert.match(refuses(patterns, "a\tb"), /control character/);
    refuses(patterns, "x".repeat(1001));
    assert.ok(
      refuses(patterns, `${"x".repeat(5000)}"`).length < 600,
      "an error quotes only the beginning of a long value",
    );
  });

  test("is refused clearly or is what it was after printing and reading it again, whatever is typed", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("a", ",", '"', " ", "*", ".") })), (text) => {
        let list;
        try {
          list = parseOptionValue(patterns, text);
        } catch (error) {
          assert.ok(error instanceof BackupAwarenessError, String(error));
          return;
        }
        assert.deepEqual(parseOptionValue(patterns, formatOptionValue(list)), list);
      }),
    );
  });
});

test("every default is a value that its option allows", () => {
  for (const option of optionDefinitions) {
    assert.deepEqual(parseOptionValue(option, formatOptionValue(option.defaultValue)), option.defaultValue);
  }
});
