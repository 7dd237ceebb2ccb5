import type { CallerKind } from "../../contract/api/permissions.ts";
import type { ValidToken } from "../../database/tokens.ts";

/** Who asks, as far as is known. */
export type Caller = {
  readonly kind: CallerKind;
  /** As events say it: `token 3 (nightly)@192.0.2.7 via API`. */
  readonly actor: string;
  readonly address: string;
  readonly token: ValidToken | null;
};

export function anonymousCaller(address: string): Caller {
  return { kind: "anonymous", actor: `somebody@${address} via API`, address, token: null };
}

export function callerOfToken(token: ValidToken, address: string): Caller {
  return {
    kind: `${token.kind} token`,
    actor: `token ${token.id} (${token.name})@${address} via API`,
    address,
    token,
  };
}
