import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect, styleText } from "node:util";

type Failure = { readonly where: string; readonly what: string };

/** What is known of a test file while it runs. Tests are told apart by the numbers that node:test gives them. */
type FileRecord = {
  readonly names: Map<number | undefined, { readonly name: string; readonly parentId: number | undefined }>;
  readonly parents: Set<number | undefined>;
  readonly output: string[];
  passed: number;
  failed: number;
  skipped: number;
};

/**
 * Counts a run's tests from node:test's events and prints as it goes. node:test's own counts leave out a failed hook and
 * count a file without a test as one that passed.
 */
export class TestReport {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly #verbose: boolean;
  readonly #filteredByName: boolean;
  readonly #files = new Map<string, FileRecord>();
  readonly #failures: Failure[] = [];

  constructor(options: { readonly verbose: boolean; readonly filteredByName: boolean }) {
    this.#verbose = options.verbose;
    this.#filteredByName = options.filteredByName;
  }

  /** Counts one failure that is no test's. */
  fail(where: string, what: string): void {
    this.failed += 1;
    this.#failures.push({ where, what });
  }

  take(event: TestEvent): void {
    switch (event.type) {
      case "test:enqueue":
        this.#remember(event.data);
        break;
      case "test:pass":
      case "test:fail":
        this.#count(event.type === "test:pass", event.data);
        break;
      case "test:summary":
        if (event.data.file !== undefined) this.#endFile(event.data.file, event.data.duration_ms);
        break;
      case "test:stdout":
      case "test:stderr":
        this.#record(event.data.file).output.push(event.data.message);
        break;
      default:
    }
  }

  /** Every failure again, together and last, where a reader looks first. */
  printFailures(): void {
    if (this.#failures.length === 0) return;
    process.stdout.write(`\n${styleText("red", "failed:")}\n`);
    for (const { where, what } of this.#failures) {
      process.stdout.write(`\n${styleText("red", "✖")} ${styleText("bold", where)}\n${indent(what)}\n`);
    }
    process.stdout.write("\n");
  }

  /**
   * Ends the files that gave no end of their own, and returns their names: such a file exited by itself after a failure,
   * or the run was aborted.
   */
  endFiles(): readonly string[] {
    const names = [...this.#files.keys()];
    for (const name of names) this.#endFile(name, null);
    return names.map((name) => relative(process.cwd(), name));
  }

  summary(): string {
    const skipped = this.skipped > 0 ? `, ${String(this.skipped)} skipped` : "";
    return `${String(this.passed)} passed, ${String(this.failed)} failed${skipped}`;
  }

  #record(file: string | undefined): FileRecord {
    const key = file ?? "?";
    let record = this.#files.get(key);
    if (!record) {
      record = { names: new Map(), parents: new Set(), output: [], passed: 0, failed: 0, skipped: 0 };
      this.#files.set(key, record);
    }
    return record;
  }

  #remember(test: TestData): void {
    if (isFile(test)) return;
    const record = this.#record(test.entryFile);
    record.names.set(test.testId, { name: test.name, parentId: test.parentId });
    record.parents.add(test.parentId);
  }

  #count(passed: boolean, test: TestData & EndOfTest): void {
    if (isFile(test)) {
      this.#countFile(passed, test);
      return;
    }
    const record = this.#record(test.entryFile);
    const isLeaf = test.details.type !== "suite" && !record.parents.has(test.testId);
    if (test.skip !== undefined || test.todo !== undefined) {
      if (isLeaf) record.skipped += 1;
    } else if (passed) {
      if (isLeaf) record.passed += 1;
    } else if (isLeaf || failureType(test.details.error) !== "subtestsFailed") {
      record.failed += 1;
      this.#failures.push({ where: this.#place(test, record), what: describe(test.details.error) });
    }
  }

  /** A file has a result of its own only when it crashed, or when no test in it was to be run. */
  #countFile(passed: boolean, file: TestData & EndOfTest): void {
    const record = this.#record(file.name);
    const where = relative(process.cwd(), file.name);
    if (!passed) {
      record.failed += 1;
      const output = tail(record.output.join(""), 50);
      this.#failures.push({ where, what: `${describe(file.details.error)}, outside its tests\n${output}` });
    } else if (!this.#filteredByName) {
      record.failed += 1;
      this.#failures.push({ where, what: "holds no test" });
    }
    this.#endFile(file.name, file.details.duration_ms);
  }

  #endFile(file: string, durationMs: number | null): void {
    const record = this.#record(file);
    this.#files.delete(file);
    this.passed += record.passed;
    this.failed += record.failed;
    this.skipped += record.skipped;
    if (record.passed + record.failed + record.skipped === 0) return;
    const mark = record.failed > 0 ? styleText("red", "✖") : styleText("green", "✔");
    const counts = [
      `${String(record.passed)} passed`,
      ...(record.failed > 0 ? [`${String(record.failed)} failed`] : []),
      ...(record.skipped > 0 ? [`${String(record.skipped)} skipped`] : []),
    ];
    const time = durationMs === null ? "" : `; ${(durationMs / 1000).toFixed(1)} s`;
    process.stdout.write(`${mark} ${relative(process.cwd(), file)} (${counts.join(", ")}${time})\n`);
    if (this.#verbose || record.failed > 0) process.stdout.write(indent(tail(record.output.join(""), 200)));
  }

  #place(test: TestData, record: FileRecord): string {
    const names = [test.name];
    for (let at = record.names.get(test.parentId); at !== undefined; at = record.names.get(at.parentId)) {
      names.unshift(at.name);
    }
    return `${relative(process.cwd(), test.file ?? "")}:${String(test.line ?? 0)} ${names.join(" › ")}`;
  }
}

type TestData = {
  readonly name: string;
  readonly testId: number;
  readonly parentId: number | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly entryFile?: string | undefined;
};

type EndOfTest = {
  readonly details: { readonly type?: string | undefined; readonly error?: unknown; readonly duration_ms: number };
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
};

/** A test file is itself reported as a test; only that comes from this process and so has no entry file. */
function isFile(test: TestData): boolean {
  return test.entryFile === undefined;
}

function failureType(error: unknown): unknown {
  return error instanceof Error && "failureType" in error ? error.failureType : undefined;
}

function describe(error: unknown): string {
  // node:test wraps what the test threw.
  const thrown = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return thrown instanceof Error ? inspect(thrown, { depth: 5 }) : String(thrown);
}

function tail(text: string, lines: number): string {
  return text.split("\n").slice(-lines).join("\n");
}

function indent(text: string): string {
  return text.trimEnd() === "" ? "" : `${text.trimEnd().replace(/^/gm, "    ")}\n`;
}
