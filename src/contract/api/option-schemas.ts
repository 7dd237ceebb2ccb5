import { Type, type Static } from "typebox";
import { nullable, object, optionName, timestamp, words } from "./fields.ts";

const optionValue = Type.Unsafe<number | readonly string[]>({
  anyOf: [{ type: "integer" }, { type: "array", items: { type: "string" }, maxItems: 10_000 }],
  description: "a whole number, or a list of texts, as the option's type says",
});

export const optionItem = object({
  name: optionName,
  type: words(["integer", "scopes", "patterns"]),
  value: optionValue,
  default: optionValue,
  is_set: Type.Boolean({ description: "false: nobody set it; it follows the default" }),
  allowed: Type.String({ description: "in words" }),
  minimum: nullable(Type.Integer()),
  maximum: nullable(Type.Integer()),
  special: Type.Array(Type.Integer(), { description: "numbers outside minimum..maximum that have a meaning" }),
  help: Type.String(),
  changed_at: nullable(timestamp("when it was changed last")),
  changed_by: nullable(Type.String()),
});
export type OptionItem = Static<typeof optionItem>;

export const optionList = object({ items: Type.Array(optionItem) });
export const optionParams = object({ name: Type.String({ maxLength: 200 }) });
export const optionChange = object({
  value: Type.Unsafe<number | readonly string[] | null>({
    anyOf: [{ type: "integer" }, { type: "array", items: { type: "string" }, maxItems: 10_000 }, { type: "null" }],
    description: "null: the default again",
  }),
});
