/** PostgreSQL cuts off longer names without a word. */
const longestNameBytes = 63;

/** `20261125T033320Z`: part of the names of what a restore makes and of what it puts aside. */
export function restoreStamp(now: Date): string {
  return now
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[:-]/g, "");
}

/** Under this name a database is restored, beside the one that it will replace. */
export function restoringName(database: string, stamp: string): string {
  return withSuffix(database, `_restoring_${stamp}`);
}

/** Under this name the replaced one stays. */
export function formerName(database: string, stamp: string): string {
  return withSuffix(database, `_before_restore_${stamp}`);
}

/** Whether a database was restored beside this one, by a run that may live or not. */
export function isRestoringName(name: string, database: string): boolean {
  return isNamed(name, database, restoringName);
}

/** Whether an earlier restore has put it aside. */
export function isFormerName(name: string, database: string): boolean {
  return isNamed(name, database, formerName);
}

function isNamed(name: string, database: string, make: (database: string, stamp: string) => string): boolean {
  const stamp = /\d{8}T\d{6}Z$/.exec(name)?.[0];
  return stamp !== undefined && make(database, stamp) === name;
}

function withSuffix(name: string, suffix: string): string {
  let kept = name;
  while (Buffer.byteLength(kept + suffix) > longestNameBytes) kept = Array.from(kept).slice(0, -1).join("");
  return kept + suffix;
}
