import type { Pool } from "pg";
import { BackupAwarenessError } from "../contract/errors.ts";
import { type OptionDefinition, type OptionName, type OptionValue, optionDefinitions } from "../contract/option.ts";
import { callProcedure } from "./procedure-errors.ts";

/** An option as it stands in the database. */
export type Option = {
  readonly definition: OptionDefinition;
  readonly value: OptionValue;
  /** False: nobody set it, so that it follows the default. */
  readonly isSet: boolean;
  readonly changedAt: Date | null;
  readonly changedBy: string | null;
};

/** Every option, in the order of the one table that declares them. */
export async function readOptions(pool: Pool): Promise<readonly Option[]> {
  return callProcedure("OPTION_INVALID", async () => {
    const { rows } = await pool.query<{
      name: string;
      value: OptionValue;
      is_set: boolean;
      changed_at: Date | null;
      changed_by: string | null;
    }>(
      `select name, coalesce(value, default_value) as value, value is not null as is_set, changed_at, changed_by
       from backup_awareness.option`,
    );
    const byName = new Map(rows.map((row) => [row.name, row]));
    return optionDefinitions.map((definition) => {
      const row = byName.get(definition.name);
      return {
        definition,
        value: row?.value ?? definition.defaultValue,
        isSet: row?.is_set ?? false,
        changedAt: row?.changed_at ?? null,
        changedBy: row?.changed_by ?? null,
      };
    });
  });
}

/** The value in force of an option whose value is a list. */
export async function readListOption(pool: Pool, name: OptionName): Promise<readonly string[]> {
  const option = (await readOptions(pool)).find(({ definition }) => definition.name === name);
  return Array.isArray(option?.value) ? (option.value as readonly string[]) : [];
}

/**
 * Sets an option, or with null lets it follow its default again. It takes effect at once: alerts that it raises or
 * clears are part of the same transaction. `actor` is who does it, as the events will say.
 *
 * @returns whether it changed anything
 * @throws OPTION_UNKNOWN, OPTION_INVALID, DATABASE_BUSY
 */
export async function setOption(pool: Pool, name: string, value: OptionValue | null, actor: string): Promise<boolean> {
  const json = JSON.stringify(value);
  // jsonb cannot hold U+0000. An even number of backslashes before it would be backslashes and the text "u0000".
  if (/(?<!\\)(\\\\)*\\u0000/.test(json)) {
    throw new BackupAwarenessError("OPTION_INVALID", `option ${name}: ${json.slice(0, 200)} has a NUL character`);
  }
  return callProcedure("OPTION_INVALID", async () => {
    const { rows } = await pool.query<{ changed: boolean }>(
      "select backup_awareness.set_option($1, $2, $3) as changed",
      [name, value === null ? null : json, actor],
    );
    return rows[0]?.changed ?? false;
  });
}
