import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import { EventTail } from "../../database/event-tail.ts";
import type { Event } from "../../database/events.ts";

/** Between two looks at the log, while somebody listens. */
const lookPeriodMs = 1_000;
/** What a listener who was away may have missed and still gets. */
const mostKept = 2_000;

export type Listener = {
  readonly onEvent: (event: Event) => void;
  /** The database went away, or is back. */
  readonly onDatabase: (isAvailable: boolean) => void;
};

/** One tail of the audit log for all who listen; it looks only while there are any. */
export class EventHub {
  readonly #pool: () => Pool;
  readonly #listeners = new Set<Listener>();
  /** The newest events, in the order in which they were told. */
  #kept: Event[] = [];
  #isAvailable = true;
  #stop: AbortController | null = null;
  /** Settles when the tail stands; null: nobody listens. */
  #begun: Promise<void> | null = null;

  constructor(pool: () => Pool) {
    this.#pool = pool;
  }

  /**
   * Listens from now on. `lastId` is the last event that the listener has seen: what was told since then is in the answer, or null where
   * that is not known any more.
   */
  async listen(listener: Listener, lastId: number | null): Promise<readonly Event[] | null> {
    this.#begun ??= this.#begin();
    await this.#begun;
    this.#listeners.add(listener);
    const index = lastId === null ? -1 : this.#kept.findIndex(({ id }) => id === lastId);
    return index < 0 ? null : this.#kept.slice(index + 1);
  }

  leave(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.close();
  }

  close(): void {
    this.#stop?.abort();
    this.#stop = null;
    this.#begun = null;
  }

  async #begin(): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    try {
      const tail = new EventTail(this.#pool(), {});
      this.#kept = [...(await tail.begin(mostKept))];
      void this.#follow(tail, stop.signal);
    } catch (error) {
      if (this.#stop === stop) this.close();
      throw error;
    }
  }

  async #follow(tail: EventTail, signal: AbortSignal): Promise<void> {
    for (;;) {
      await delay(lookPeriodMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        this.#pool();
        const events = await tail.next();
        this.#tellDatabase(true);
        for (const event of events) for (const listener of this.#listeners) listener.onEvent(event);
        this.#kept = [...this.#kept, ...events].slice(-mostKept);
      } catch {
        // Whatever it is, the watch tells it in the log; those who listen learn that nothing comes for now.
        this.#tellDatabase(false);
      }
    }
  }

  #tellDatabase(isAvailable: boolean): void {
    if (this.#isAvailable === isAvailable) return;
    this.#isAvailable = isAvailable;
    for (const listener of this.#listeners) listener.onDatabase(isAvailable);
  }
}
