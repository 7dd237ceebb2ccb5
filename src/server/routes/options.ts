import type { OptionItem } from "../../contract/api/option-schemas.ts";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { OptionName } from "../../contract/option.ts";
import { allowedValues } from "../../contract/option-value.ts";
import { type Option, readOptions, setOption } from "../../database/options.ts";
import type { Handlers } from "../api/handlers.ts";
import type { Pool } from "pg";

export const optionHandlers = {
  "GET /options": async ({ pool }) => ({ items: (await readOptions(pool)).map(optionItem) }),

  "GET /options/{name}": async ({ pool, params }) => readOption(pool, params.name),

  "PUT /options/{name}": async ({ pool, params, body, caller }) => {
    await readOption(pool, params.name);
    await setOption(pool, params.name, body.value, caller.actor);
    return readOption(pool, params.name);
  },
} satisfies Partial<Handlers>;

/** @throws OPTION_UNKNOWN */
async function readOption(pool: Pool, name: string): Promise<OptionItem> {
  const option = (await readOptions(pool)).find(({ definition }) => definition.name === name);
  if (option === undefined)
    throw new BackupAwarenessError("OPTION_UNKNOWN", `there is no option ${JSON.stringify(name)}`, {
      hint: "GET /options lists them",
    });
  return optionItem(option);
}

function optionItem({ definition, value, isSet, changedAt, changedBy }: Option): OptionItem {
  const range = definition.type === "integer" ? definition : null;
  return {
    name: definition.name as OptionName,
    type: definition.type,
    value,
    default: definition.defaultValue,
    is_set: isSet,
    allowed: allowedValues(definition),
    minimum: range?.minimum ?? null,
    maximum: range?.maximum ?? null,
    special: [...(range?.special ?? [])],
    help: definition.help,
    changed_at: changedAt?.toISOString() ?? null,
    changed_by: changedBy,
  };
}
