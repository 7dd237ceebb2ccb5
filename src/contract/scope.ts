/** A part of an engine that is backed up on its own: db, dwhdb, reportsdb, files or a reporter's own word. */
export type Scope = string;

/** The same rule stands in sql/procedures/validate_sp.sql, for clients that bypass this program; a test compares the two. */
export const scopePattern = /^[a-z][a-z0-9_-]{0,63}$/;

export function isScope(value: string): boolean {
  return scopePattern.test(value);
}
