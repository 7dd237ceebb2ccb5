/**
 * Runs the tests: `npm test [-- [--name PATTERN]… [--verbose] [FILTER…]]`. A FILTER is a part of a test file's path, such
 * as `test/report`; a PATTERN is a regular expression on the tests' names. Passing files take one line each, failures are
 * told in full, and the last line of stdout is `N passed, N failed`, with `, N skipped` where some were.
 *
 * Exit code 0: tests ran and none failed. Only tests without subtests are counted. A file that crashes or holds no test, a
 * failed hook and a process that outlives the tests count as failed, each once.
 */
import { randomUUID } from "node:crypto";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { inspect, parseArgs } from "node:util";
import { TestReport } from "./test-report.ts";

const concurrency = 2;
/** For a single test that does not set its own. A suite counts as one too, with all that is in it. */
const testTimeoutMs = 180_000;
/** For everything; what still runs is then stopped and named. CI must end in 15 minutes, checks included. */
const runTimeoutMs = 12 * 60_000;
/** Every process that a test starts inherits this variable, and is found by it. */
const marker = "BACKUP_AWARENESS_TEST_RUN";

const root = resolve(import.meta.dirname, "..");
process.chdir(root);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string", short: "t", multiple: true, default: [] },
    verbose: { type: "boolean", short: "v", default: false },
  },
});

const filters = positionals.map((filter) => (existsSync(filter) ? relative(root, resolve(filter)) : filter));
const files = globSync("test/**/*.test.ts")
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort()
  .map((file) => resolve(file));

const report = new TestReport({ verbose: values.verbose, filteredByName: values.name.length > 0 });

if (files.length > 0) {
  const id = randomUUID();
  process.env[marker] = id;
  const stop = new AbortController();
  const timer = setTimeout(() => {
    stop.abort(new Error(`took longer than ${String(runTimeoutMs / 60_000)} minutes`));
  }, runTimeoutMs);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      stop.abort(new Error(`stopped by ${signal}`));
    });
  }
  try {
    await withGlobalSetUp(() => runTests(stop.signal));
  } catch (error) {
    report.fail("the set-up around the tests", inspect(error));
  }
  clearTimeout(timer);
  if (stop.signal.aborted) {
    const { message } = stop.signal.reason as Error;
    const unfinished = report.endFiles().join(", ");
    report.fail("the run", `${message}; unfinished: ${unfinished || "nothing"}`);
  }
  for (const { pid, command } of await outliving(id)) {
    report.fail("a process outlived the tests", `${String(pid)}: ${command} (stopped)`);
    process.kill(pid, "SIGTERM");
  }
}

if (report.passed + report.failed === 0) process.stderr.write("no test ran\n");
report.printFailures();
process.stdout.write(`${report.summary()}\n`);
process.exitCode = report.failed === 0 && report.passed > 0 ? 0 : 1;

async function runTests(signal: AbortSignal): Promise<void> {
  const events = run({ files, concurrency, timeout: testTimeoutMs, signal, testNamePatterns: values.name });
  for await (const event of events as AsyncIterable<TestEvent>) report.take(event);
  if (!signal.aborted) report.endFiles();
}

/**
 * Calls `globalSetup` and `globalTeardown` of test/support/global-set-up.ts around the tests. node:test could do that
 * (--test-global-setup), but there an error in one ends the process without a word about the tests. What globalSetup puts
 * into process.env reaches every test file.
 */
async function withGlobalSetUp(work: () => Promise<void>): Promise<void> {
  const file = resolve("test/support/global-set-up.ts");
  if (!existsSync(file)) {
    await work();
    return;
  }
  const module = (await import(pathToFileURL(file).href)) as {
    globalSetup?: () => unknown;
    globalTeardown?: () => unknown;
  };
  try {
    await module.globalSetup?.();
    await work();
  } finally {
    await module.globalTeardown?.();
  }
}

/** Processes of this run that are still there after a moment in which to end; none where there is no /proc. */
async function outliving(id: string): Promise<readonly { pid: number; command: string }[]> {
  for (let waitedMs = 0; ; waitedMs += 100) {
    const found = processesOf(id);
    if (found.length === 0 || waitedMs >= 2_000) return found;
    await sleep(100);
  }
}

function processesOf(id: string): { pid: number; command: string }[] {
  if (!existsSync("/proc/self/environ")) return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${String(pid)}/environ`, "utf8").includes(`${marker}=${id}`)) return [];
        const command = readFileSync(`/proc/${String(pid)}/cmdline`, "utf8")
          .replaceAll("\0", " ")
          .trim();
        return [{ pid, command }];
      } catch {
        return []; // another user's, or gone
      }
    });
}
