import type { DatabaseFacts } from "./database-facts.ts";

const parts = ["structure", "expressions", "privileges"] as const;
const none = "-";

export type FactsComparison = {
  /** A sentence for each difference; none: the two are alike as far as they can be compared. */
  readonly differences: readonly string[];
  readonly comparedTables: number;
  readonly comparedRows: number;
  /** How many tables' rows could not be compared, since one side did not count them. */
  readonly uncountedTables: number;
};

/**
 * Compares a restored database with what its archive says of the dumped one. Expressions and privileges are compared between servers of the same major only, since
 * each major has its own way to write an expression and its own set of rights; privileges only where they were restored.
 */
export function compareFacts(
  archived: DatabaseFacts,
  found: DatabaseFacts,
  options: { readonly withPrivileges: boolean },
): FactsComparison {
  const isSameMajor = archived.schema.serverMajor === found.schema.serverMajor;
  const compared = parts.filter(
    (part) => part === "structure" || (isSameMajor && (part !== "privileges" || options.withPrivileges)),
  );
  const rows = compareRows(archived.rowCounts, found.rowCounts);
  const largeObjects =
    archived.largeObjects === found.largeObjects
      ? []
      : [`large objects: ${found.largeObjects} instead of ${archived.largeObjects}`];
  return {
    ...rows,
    differences: [
      ...compareObjects(archived.schema.objects, found.schema.objects, compared),
      ...rows.differences,
      ...largeObjects,
    ],
  };
}

type Objects = DatabaseFacts["schema"]["objects"];

function compareObjects(archived: Objects, found: Objects, compared: readonly (typeof parts)[number][]): string[] {
  const differences: string[] = [];
  for (const [name, hashes] of Object.entries(archived)) {
    const others = found[name];
    if (others === undefined) differences.push(`missing: ${name}`);
    else {
      const different = compared.filter((part) => partOf(hashes, part) !== partOf(others, part));
      if (different.length > 0) differences.push(`different: ${name} (its ${different.join(" and ")})`);
    }
  }
  for (const name of Object.keys(found)) if (!(name in archived)) differences.push(`not in the backup: ${name}`);
  return differences;
}

function partOf(hashes: string, part: (typeof parts)[number]): string {
  return hashes.split(" ")[parts.indexOf(part)] ?? none;
}

function compareRows(archived: DatabaseFacts["rowCounts"], found: DatabaseFacts["rowCounts"]) {
  const differences: string[] = [];
  let [comparedTables, comparedRows, uncountedTables] = [0, 0, 0];
  for (const [table, count] of Object.entries(archived)) {
    const other = found[table] ?? null;
    if (count === null || other === null) uncountedTables++;
    else {
      comparedTables++;
      comparedRows += other;
      if (count !== other) differences.push(`rows of ${table}: ${other} instead of ${count}`);
    }
  }
  return { differences, comparedTables, comparedRows, uncountedTables };
}
