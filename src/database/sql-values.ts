/** Collects the values of a statement that is put together; each stands in it as $1, $2, … */
export class SqlValues {
  readonly list: unknown[] = [];

  add(value: unknown): string {
    this.list.push(value);
    return `$${this.list.length}`;
  }
}
