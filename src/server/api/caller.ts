import type { CallerKind } from "../../contract/api/permissions.ts";
import type { SessionUser } from "../../database/sessions.ts";
import type { ValidToken } from "../../database/tokens.ts";

/** Who asks, as far as is known. */
export type Caller = {
  readonly kind: CallerKind;
  /** As events say it: `token 3 (nightly)@192.0.2.7 via API`. */
  readonly actor: string;
  readonly address: string;
  readonly token: ValidToken | null;
  /** Of a session, and its hash. */
  readonly user: SessionUser | null;
  readonly sessionHash: Buffer | null;
};

export function anonymousCaller(address: string): Caller {
  return {
    kind: "anonymous",
    actor: `somebody@${address} via API`,
    address,
    token: null,
    user: null,
    sessionHash: null,
  };
}

export function callerOfToken(token: ValidToken, address: string): Caller {
  return {
    kind: `${token.kind} token`,
    actor: `token ${token.id} (${token.name})@${address} via API`,
    address,
    token,
    user: null,
    sessionHash: null,
  };
}

/** What the events call somebody who is signed in: `ann@192.0.2.7 via console`. */
export function callerOfUser(
  user: Pick<SessionUser, "name" | "role">,
  address: string,
): Pick<Caller, "kind" | "actor" | "address"> {
  return { kind: user.role, actor: `${user.name}@${address} via console`, address };
}
