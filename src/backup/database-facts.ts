import { hash } from "node:crypto";
import type { ClientBase } from "pg";
import { normalizeExpression } from "./normalize-expression.ts";
import type { ExcludedTables } from "./references-to-left-out.ts";
import { schemaObjectQueries, type SchemaObject } from "./schema-objects.ts";
import { matchesPatterns, parseTablePattern } from "./table-pattern.ts";

/** What can be said of a database's content, so that two can be compared. */
export type DatabaseFacts = {
  /** Rows by table, as `public.customer`; null: left out, or could not be counted. */
  readonly rowCounts: Readonly<Record<string, number | null>>;
  readonly largeObjects: number;
  readonly schema: SchemaFacts;
};

export type SchemaFacts = {
  /** Whose words the expressions are in: another major may write them otherwise. */
  readonly serverMajor: number;
  /** SHA-256 of all objects' structure and expressions: equal where nothing but privileges differs. */
  readonly fingerprint: string;
  /** By name, as `index customer_name on public.customer`: the beginnings of three SHA-256, of its structure, expressions and privileges; `-`: it has none. */
  readonly objects: Readonly<Record<string, string>>;
};

export type FactsReading = { readonly facts: DatabaseFacts; readonly warnings: readonly string[] };

export type FactsRequest = {
  readonly excluded: ExcludedTables;
  readonly lockTimeoutMs: number;
  /** How long one query may take. */
  readonly queryTimeoutMs: number;
};

/** Enough to tell what differs; whether anything does is told by the fingerprint. */
const partDigits = 8;
const rowsAtOnce = 1_000;
/** Tables in one statement: thousands of small ones cost no more than their rows. */
const tablesAtOnce = 50;
/** Whoever waits for an exclusive lock meanwhile waits for the dump, and would be waited for here. */
const countLockTimeoutMs = 2_000;

/**
 * Counts every table's rows and describes every object of the schema, in the transaction that is open on `client` (repeatable read, or nothing fits together),
 * whose settings it changes. A table whose rows cannot be trusted to be those of the snapshot is a warning and not counted. Throws what the server says.
 */
export async function readDatabaseFacts(client: ClientBase, request: FactsRequest): Promise<FactsReading> {
  const reader = new FactsReader(client, request);
  return reader.read();
}

type Table = {
  readonly oid: number;
  readonly name: string;
  readonly fileNode: string | null;
  readonly countable: boolean;
};

class FactsReader {
  readonly #client: ClientBase;
  readonly #request: FactsRequest;
  readonly #warnings: string[] = [];

  constructor(client: ClientBase, request: FactsRequest) {
    this.#client = client;
    this.#request = request;
  }

  async read(): Promise<FactsReading> {
    // Patterns mean what they mean on the login's own search_path.
    const leftOut = await this.#findTables(this.#request.excluded.tables);
    const withoutRows = await this.#findTables(this.#request.excluded.tableData);
    await this.#writeAlike();
    const schema = await this.#describeSchema(leftOut);
    const rowCounts = await this.#countTables(leftOut, new Set(withoutRows));
    const [objects] = await this.#query<{ count: string }>("select count(*) as count from pg_largeobject_metadata");
    return { facts: { rowCounts, largeObjects: Number(objects?.count), schema }, warnings: this.#warnings };
  }

  async #findTables(patterns: readonly string[]): Promise<number[]> {
    if (patterns.length === 0) return [];
    const rows = await this.#query<{ oid: number }>(
      `select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where ${matchesPatterns("$1")}`,
      [JSON.stringify(patterns.map(parseTablePattern))],
    );
    return rows.map(({ oid }) => oid);
  }

  /** The settings that decide how the server writes names, times and numbers, and what a query may see. */
  async #writeAlike(): Promise<void> {
    await this.#query(`
      set local search_path = pg_catalog; set local timezone = 'UTC'; set local datestyle = 'ISO, MDY'; set local intervalstyle = 'postgres';
      set local extra_float_digits = 1; set local bytea_output = 'hex'; set local quote_all_identifiers = off; set local row_security = off;
      set local max_parallel_workers_per_gather = 0; set local jit = off; set local lock_timeout = ${this.#request.lockTimeoutMs}`);
  }

  async #describeSchema(leftOut: readonly number[]): Promise<SchemaFacts> {
    const [server] = await this.#query<{ major: number }>(
      "select current_setting('server_version_num')::int / 10000 as major",
    );
    const serverMajor = server?.major ?? 0;
    const lines: string[] = [];
    const objects: [name: string, parts: string][] = [];
    for (const query of schemaObjectQueries(serverMajor, leftOut)) {
      await this.#query(`declare schema_objects no scroll cursor for ${query}`);
      for (let isLast = false; !isLast;) {
        const rows = await this.#query<SchemaObject>(`fetch ${rowsAtOnce} from schema_objects`);
        for (const { name, structure, expressions, privileges } of rows) {
          const parts = [structure, expressions === null ? null : normalizeExpression(expressions), privileges].map(
            digest,
          );
          lines.push(JSON.stringify([name, ...parts.slice(0, 2)]));
          objects.push([name, parts.map((part) => part?.slice(0, partDigits) ?? "-").join(" ")]);
        }
        isLast = rows.length < rowsAtOnce;
      }
      await this.#query("close schema_objects");
    }
    return {
      serverMajor,
      fingerprint: hash("sha256", lines.toSorted().join("\n")),
      objects: Object.fromEntries(objects.toSorted(([one], [other]) => (one < other ? -1 : 1))),
    };
  }

  async #countTables(
    leftOut: readonly number[],
    withoutRows: ReadonlySet<number>,
  ): Promise<Record<string, number | null>> {
    const tables = await this.#query<Table>(
      `select c.oid, format('%I.%I', n.nspname, c.relname) as name, nullif(c.relfilenode, 0)::text as "fileNode",
              c.relpersistence = 'p' or not pg_is_in_recovery() as countable
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and c.oid <> all ($1::oid[])
          and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
        order by c.oid`,
      [leftOut],
    );
    await this.#query(`set local lock_timeout = ${countLockTimeoutMs}`);
    const counts = new Map<number, number | null>();
    const counted = tables.filter(({ oid, countable }) => countable && !withoutRows.has(oid));
    for (let at = 0; at < counted.length; at += tablesAtOnce) {
      const batch = counted.slice(at, at + tablesAtOnce);
      if ((await this.#tryCount(batch, counts)) === null) continue;
      for (const table of batch) {
        const obstacle = await this.#tryCount([table], counts);
        if (obstacle !== null) this.#warnings.push(`the rows of ${table.name} were not counted: ${obstacle}`);
      }
    }
    return Object.fromEntries(tables.map(({ oid, name }) => [name, counts.get(oid) ?? null]));
  }

  /**
   * What kept these tables from being counted; null: nothing. A table that was truncated or rewritten after the snapshot was taken looks empty, or
   * holds what the snapshot does not: its file is another then.
   */
  async #tryCount(tables: readonly Table[], counts: Map<number, number | null>): Promise<string | null> {
    const selects = tables.map(
      ({ oid, name }) =>
        `select ${oid}::oid as oid, pg_relation_filenode(${oid})::text as "fileNode", count(*) as count from only ${name}`,
    );
    await this.#query("savepoint counting");
    try {
      const rows = await this.#query<{ oid: number; fileNode: string | null; count: string }>(
        selects.join(" union all "),
      );
      const fileNodes = new Map(tables.map(({ oid, fileNode }) => [oid, fileNode]));
      const isSame = rows.every(({ oid, fileNode }) => fileNodes.get(oid) === fileNode);
      if (isSame) rows.forEach(({ oid, count }) => counts.set(oid, Number(count)));
      await this.#query("release savepoint counting");
      return isSame ? null : "it was truncated or rewritten meanwhile";
    } catch (error) {
      const obstacle = obstacles.get(sqlStateOf(error) ?? "");
      if (obstacle === undefined) throw error;
      await this.#query("rollback to savepoint counting");
      return obstacle;
    }
  }

  async #query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]> {
    const call = {
      text,
      ...(values === undefined ? {} : { values: [...values] }),
      ...{ query_timeout: this.#request.queryTimeoutMs },
    };
    const { rows } = await this.#client.query<Row>(call);
    return rows;
  }
}

/** By SQLSTATE: what may become of a table while it is counted. */
const obstacles: ReadonlyMap<string, string> = new Map([
  ["55P03", "it is locked"],
  ["42P01", "it was removed meanwhile"],
]);

function sqlStateOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

function digest(text: string | null): string | null {
  return text === null ? null : hash("sha256", text);
}
