import { type Static, type TProperties, type TSchema, type TUnsafe, Type } from "typebox";
import { optionDefinitions } from "../option.ts";
import { scopePattern } from "../scope.ts";

/* The small parts that the schemas of requests and answers are made of. */

/** A time in answers: UTC, RFC 3339, milliseconds. */
export const timestamp = (description: string) => Type.String({ format: "date-time", description });

export const fqdn = Type.String({
  minLength: 1,
  maxLength: 255,
  description: "an engine's name; capitals do not count",
});

export const scope = Type.String({
  pattern: scopePattern.source,
  description: "a part of an engine that is backed up on its own: db, files, …",
});

/** The number of an event, an alert, a backup. */
export const id = (description: string) => Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description });

/** One of these words. */
export function words<const Word extends string>(list: readonly Word[], description?: string): TUnsafe<Word> {
  return Type.Unsafe<Word>({ type: "string", enum: [...list], ...(description === undefined ? {} : { description }) });
}

/** The same, or null. Said as a list of types, which serialises faster than a union. */
export function nullable<Schema extends TSchema>(schema: Schema): TUnsafe<Static<Schema> | null> {
  const { type, enum: list, ...rest } = schema as TSchema & { type?: string; enum?: readonly unknown[] };
  return Type.Unsafe<Static<Schema> | null>({
    ...rest,
    type: [type ?? "object", "null"],
    ...(list === undefined ? {} : { enum: [...list, null] }),
  });
}

/** An object that has these keys and no others. */
export function object<Properties extends TProperties>(properties: Properties, description?: string) {
  return Type.Object(properties, {
    additionalProperties: false,
    ...(description === undefined ? {} : { description }),
  });
}

/** One or several of these words, as `?state=stale&state=fresh`. */
export function oneOrMore<const Word extends string>(list: readonly Word[], description: string) {
  return Type.Array(words(list), { minItems: 1, maxItems: 50, uniqueItems: true, description });
}

/** A part of a list, and how to get the next. */
export function page<Item extends TSchema>(item: Item) {
  return object({
    items: Type.Array(item),
    next: nullable(
      Type.String({
        description: "give it as `after` for what follows; null: this is the end. Also the header Link, rel=next",
      }),
    ),
  });
}

export const pageQuery = {
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 2000, description: "the `next` of the page before" })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50, description: "how many at most" })),
};

export const optionName = words(optionDefinitions.map(({ name }) => name));

/** How many there are; counted no further than to the most that a person would read. */
export const cappedCount = object({
  count: Type.Integer(),
  is_capped: Type.Boolean({ description: "there are more than that; they were not counted" }),
});
