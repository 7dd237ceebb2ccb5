import type { Pool } from "pg";
import { type Event, type EventFilter, readEvents } from "./events.ts";
import { callProcedure } from "./procedure-errors.ts";

/** How far below the newest event the tail looks, at its begin, for numbers whose transactions are still open. */
const firstLookBack = 1_000;
/** A failover may skip millions of numbers; more than so many are never waited for. */
const mostGaps = 10_000;

/**
 * Follows the audit log: each call of `next` returns the events that have been committed since the one before, each event once.
 *
 * Events get their numbers when they are written and are seen when they are committed, so that a smaller number may turn up after a
 * larger one. A number that is skipped is therefore kept in mind until every transaction is over that was open when it was first missed:
 * only then is it known that nobody will fill it. Nothing is read twice, and nothing is missed, however long a report's transaction takes.
 */
export class EventTail {
  readonly #pool: Pool;
  readonly #filter: EventFilter;
  #highestId = 0;
  /** Numbers that were skipped → the first transaction that began after that was seen. */
  #gaps = new Map<number, bigint>();
  /** Numbers that `begin` has returned ahead of their turn. */
  #returned = new Set<number>();

  constructor(pool: Pool, filter: EventFilter) {
    this.#pool = pool;
    this.#filter = filter;
  }

  /** The newest events that pass the filter, at most `limit`; `next` goes on from there. */
  async begin(limit: number): Promise<readonly Event[]> {
    const { rows } = await callProcedure("USAGE", () =>
      this.#pool.query<{ highest: string }>("select coalesce(max(id), 0) as highest from backup_awareness.audit_log"),
    );
    this.#highestId = Math.max(0, Number(rows[0]?.highest ?? 0) - firstLookBack);
    const from = this.#highestId;
    const counted = new Set(await this.#newIds());
    const events = await readEvents(this.#pool, this.#filter, limit);
    // Committed between the two: it will come again.
    this.#returned = new Set(events.map(({ id }) => id).filter((id) => id > from && !counted.has(id)));
    return events;
  }

  async next(): Promise<readonly Event[]> {
    const [highestId, gaps] = [this.#highestId, this.#gaps];
    const found = await this.#newIds();
    const ids = found.filter((id) => !this.#returned.has(id));
    try {
      const events = ids.length === 0 ? [] : await readEvents(this.#pool, { ...this.#filter, ids }, ids.length);
      for (const id of found) this.#returned.delete(id);
      return events;
    } catch (error) {
      // Nothing was returned: the next call asks again.
      [this.#highestId, this.#gaps] = [highestId, gaps];
      throw error;
    }
  }

  /** Numbers that were committed since the last call, in their order. */
  async #newIds(): Promise<number[]> {
    const { rows } = await callProcedure("USAGE", () =>
      this.#pool.query<{ xmin: string; xmax: string; fresh: string[]; filled: string[] }>(
        `select pg_snapshot_xmin(s)::text as xmin, pg_snapshot_xmax(s)::text as xmax,
                array(select id from backup_awareness.audit_log where id > $1 order by id) as fresh,
                array(select id from backup_awareness.audit_log where id = any ($2::bigint[]) order by id) as filled
         from pg_current_snapshot() s`,
        [this.#highestId, [...this.#gaps.keys()]],
      ),
    );
    const row = rows[0];
    if (!row) return [];
    const fresh = row.fresh.map(Number);
    const filled = row.filled.map(Number);
    const found = new Set(filled);
    const gaps = [...this.#gaps].filter(([id, openUntil]) => !found.has(id) && openUntil > BigInt(row.xmin));
    let expected = this.#highestId + 1;
    for (const id of fresh) {
      for (let gap = Math.max(expected, id - mostGaps); gap < id; gap++) gaps.push([gap, BigInt(row.xmax)]);
      expected = id + 1;
    }
    this.#gaps = new Map(gaps.slice(-mostGaps));
    this.#highestId = Math.max(this.#highestId, fresh.at(-1) ?? 0);
    return [...filled, ...fresh];
  }
}
