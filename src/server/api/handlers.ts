import type { FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import type { Logger } from "pino";
import type { Answer, Body, Params, Query, RouteName } from "../../contract/api/routes.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Caller } from "./caller.ts";

/** What the API's routes need of the daemon. */
export type ApiContext = {
  /** The database. Throws DATABASE_UNREACHABLE at once while it is known to be away. */
  readonly pool: () => Pool;
  readonly settings: Pick<Settings, "fqdn" | "protectsOnlyItself">;
  readonly programVersion: string;
  readonly now: () => Date;
  readonly logger: Logger;
};

/** A request that has been validated, by somebody who may make it. */
export type Call<Name extends RouteName> = {
  readonly params: Params<Name>;
  readonly query: Query<Name> extends undefined ? undefined : NonNullable<Query<Name>>;
  readonly body: Body<Name>;
  readonly caller: Caller;
  readonly pool: Pool;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Asks again whether the caller may do this: for answers that last. */
  readonly stillAllowed: () => Promise<boolean>;
};

/** What answers a route. One without an answer in the table may have sent what it says itself. */
export type Handler<Name extends RouteName> = (call: Call<Name>) => Promise<Answer<Name>>;
export type Handlers = { readonly [Name in RouteName]: Handler<Name> };
