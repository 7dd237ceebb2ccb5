/** Of users; each may do all that the one before may. */
export const roles = ["viewer", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

/** Of tokens: `report` can do nothing but report, `read` nothing but read. */
export const tokenKinds = ["report", "read", "admin"] as const;
export type TokenKind = (typeof tokenKinds)[number];

/** Who asks: nobody known, a user in his role, a token of its kind. */
export const callerKinds = [
  "anonymous",
  "viewer",
  "operator",
  "admin",
  "report token",
  "read token",
  "admin token",
] as const;
export type CallerKind = (typeof callerKinds)[number];

/**
 * The one table of who may do what. Every route needs one of these permissions (routes.ts); docs/users.md shows the table, and a test
 * asks every route as every caller.
 */
export const permissions = {
  /** Sign in, read the API's own description. */
  public: callerKinds,
  /** Look at engines, backups, events, alerts and options. */
  read: ["viewer", "operator", "admin", "read token", "admin token"],
  /** Report backups. */
  report: ["operator", "admin", "report token", "admin token"],
  /** Dismiss alerts, run the check, add engines and set what they must back up. */
  operate: ["operator", "admin", "admin token"],
  /** Set options, remove engines, manage users and tokens. */
  administer: ["admin", "admin token"],
  /** See to one's own session, password and second factor. */
  own_account: ["viewer", "operator", "admin"],
} as const satisfies Record<string, readonly CallerKind[]>;
export type Permission = keyof typeof permissions;

export function isAllowed(permission: Permission, caller: CallerKind): boolean {
  return (permissions[permission] as readonly CallerKind[]).includes(caller);
}
