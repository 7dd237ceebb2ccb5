import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { describeOption, optionFlags } from "../../src/cli/engine-backup/describe-option.ts";
import type { OptionDefinition } from "../../src/cli/engine-backup/option-definition.ts";
import { optionTable } from "../../src/cli/engine-backup/option-table.ts";
import { errorCatalogue } from "../../src/contract/errors.ts";
import { eventTypes } from "../../src/contract/event.ts";
import { optionDefinitions } from "../../src/contract/option.ts";
import { channelKinds } from "../../src/notification/channels/index.ts";
import { allowedValues, formatOptionValue } from "../../src/contract/option-value.ts";

/** The rows of a page's one table, without its head, cell by cell, without backquotes. */
async function tableOf(page: string): Promise<string[][]> {
  const text = await readFile(join(import.meta.dirname, "../../docs", page), "utf8");
  const lines = text.split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(2).map((line) =>
    line
      .slice(2, -2)
      .split(" | ")
      .map((cell) => cell.replace(/^`(.*)`$/, "$1")),
  );
}

test("docs/options.md says of every option what the code does", async () => {
  assert.deepEqual(
    await tableOf("options.md"),
    optionDefinitions.map((definition) => [
      definition.name,
      allowedValues(definition),
      formatOptionValue(definition.defaultValue) || "(empty)",
      definition.help,
    ]),
  );
});

test("docs/events.md lists every type with its code and severity, and says what happened", async () => {
  const rows = await tableOf("events.md");
  assert.deepEqual(
    rows.map(([type, code, severity]) => [type, code, severity]),
    Object.entries(eventTypes).map(([type, { code, severity }]) => [type, String(code), severity]),
  );
  assert.ok(rows.every((row) => row.length === 4 && row[3]!.length > 10));
});

test("docs/errors.md lists every error with its exit code, HTTP status and meaning", async () => {
  assert.deepEqual(
    await tableOf("errors.md"),
    Object.entries(errorCatalogue).map(([code, { exitCode, httpStatus, meaning }]) => [
      code,
      String(exitCode),
      String(httpStatus),
      meaning,
    ]),
  );
});

test("docs/engine-backup.md lists every option of the command line with its meaning", async () => {
  const definitions: readonly OptionDefinition[] = optionTable;
  const rows = (await tableOf("engine-backup.md")).filter(([option]) => /^--?[a-z]/i.test(option ?? ""));
  assert.deepEqual(
    rows,
    definitions.map((definition) => [
      optionFlags(definition),
      // Markdown parts cells at a bar, unless it is escaped.
      describeOption(definition).replaceAll("|", "\\|"),
    ]),
  );
});

test("docs/channels.md has a section for every kind of channel", async () => {
  const text = await readFile(join(import.meta.dirname, "../../docs/channels.md"), "utf8");
  const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, name]) => name);
  assert.deepEqual(sections.toSorted(), channelKinds.map(({ kind }) => kind).toSorted());
});
