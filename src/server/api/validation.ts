import { Ajv } from "ajv";
import formats from "ajv-formats";
import type { FastifySchemaCompiler } from "fastify";

/* A body is what it is; a path and a query are texts, out of which numbers and lists are read. Unknown keys are refused in both. */

const shared = { allErrors: false, useDefaults: true, removeAdditional: false, strict: false } as const;
const forBodies = new Ajv({ ...shared, coerceTypes: false });
const forTexts = new Ajv({ ...shared, coerceTypes: "array" });
for (const ajv of [forBodies, forTexts]) formats.default(ajv);

export const compileValidator: FastifySchemaCompiler<object> = ({ schema, httpPart }) =>
  (httpPart === "body" ? forBodies : forTexts).compile(schema);
