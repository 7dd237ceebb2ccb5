import { Type, type Static } from "typebox";
import { nullable, object, timestamp, words } from "./fields.ts";
import { roles, tokenKinds } from "./permissions.ts";

export const userName = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: "^[a-z0-9][a-z0-9._@-]*$",
  description: "small letters, digits, and . _ @ - after the first",
});

/** Long rather than intricate, as NIST SP 800-63B has it. */
export const newPassword = Type.String({
  minLength: 12,
  maxLength: 1000,
  description: "at least 12 characters, of any kind",
});

const givenPassword = Type.String({ minLength: 1, maxLength: 1000 });
const secondFactor = Type.String({
  minLength: 6,
  maxLength: 32,
  description: "six digits of the authenticator, or a recovery code",
});

export const session = object({
  user: object({
    name: Type.String(),
    role: words(roles),
    has_password: Type.Boolean({ description: "false: he signs in by single sign-on alone" }),
    has_second_factor: Type.Boolean(),
  }),
  expires_at: timestamp("when it ends at the latest"),
});
export type Session = Static<typeof session>;

/** What the sign-in page needs before anybody has signed in. */
export const signInMethods = object({
  password: Type.Boolean(),
  single_sign_on: nullable(
    Type.String({ description: "what the button says; null: there is none. It leads to GET /session/oidc" }),
  ),
});

export const login = object({
  name: Type.String({ minLength: 1, maxLength: 64 }),
  password: givenPassword,
  second_factor: Type.Optional(secondFactor),
});

/** By the one-time link of the first start, of `user add` or of an administrator: /set-password#TOKEN */
export const passwordByLink = object({
  link: Type.String({ minLength: 1, maxLength: 200, description: "what follows # in the link" }),
  password: newPassword,
});

export const passwordChange = object({ current_password: givenPassword, new_password: newPassword });

export const secondFactorBegin = object({ current_password: givenPassword });
export const secondFactorOffer = object({
  secret: Type.String({ description: "for the authenticator, in base 32" }),
  uri: Type.String({ description: "the same as otpauth:, for a QR code" }),
});
export const secondFactorConfirm = object({ code: Type.String({ pattern: "^[0-9]{6}$" }) });
export const recoveryCodes = object({
  recovery_codes: Type.Array(Type.String(), { description: "each works once; they are shown once" }),
});
export const secondFactorEnd = object({ current_password: givenPassword });

export const userItem = object({
  name: Type.String(),
  role: words(roles),
  is_disabled: Type.Boolean(),
  has_password: Type.Boolean(),
  has_second_factor: Type.Boolean(),
  created_at: timestamp("when he was added"),
  last_login_at: nullable(timestamp("when he signed in last")),
  session_count: Type.Integer({ description: "where he is signed in now" }),
});
export type UserItem = Static<typeof userItem>;
export const userList = object({ items: Type.Array(userItem) });

export const userParams = object({ name: Type.String({ minLength: 1, maxLength: 64 }) });
export const userAdd = object({ name: userName, role: words(roles) });
export const passwordLink = object({
  link_path: Type.String({ description: "the path of the one-time link that sets the password: /set-password#…" }),
  expires_at: timestamp("the link works until then, once"),
});
export const userAdded = object({ user: userItem, ...passwordLink.properties });
export const userChange = object({
  role: Type.Optional(words(roles)),
  is_disabled: Type.Optional(Type.Boolean()),
  /** Only false: an administrator helps somebody who has lost his authenticator. */
  has_second_factor: Type.Optional(
    Type.Unsafe<false>({ type: "boolean", enum: [false], description: "false: removes it" }),
  ),
});

export const tokenItem = object({
  id: Type.Integer(),
  name: Type.String(),
  kind: words(tokenKinds),
  engine: nullable(
    Type.String({ description: "report tokens: the engine, or a pattern with *, that it may report for" }),
  ),
  prefix: Type.String({ description: "its first characters, to recognise it by" }),
  created_at: timestamp("when it was made"),
  created_by: Type.String(),
  expires_at: nullable(timestamp("null: never")),
  revoked_at: nullable(timestamp("null: it was not revoked")),
  last_used_at: nullable(timestamp("to a minute; null: never used")),
  last_used_from: nullable(Type.String({ description: "the address" })),
});
export type TokenItem = Static<typeof tokenItem>;
export const tokenList = object({ items: Type.Array(tokenItem) });
export const tokenParams = object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) });
export const tokenCreate = object({
  name: Type.String({
    minLength: 1,
    maxLength: 100,
    pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
    description: "what it is for",
  }),
  kind: words(tokenKinds),
  engine: Type.Optional(
    nullable(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: "report tokens only, and required there: an engine, or a pattern, as *.example.com or *",
      }),
    ),
  ),
  expires_at: Type.Optional(nullable(timestamp("absent or null: never"))),
});
export const tokenCreated = object({ token: Type.String({ description: "shown this once" }), item: tokenItem });
