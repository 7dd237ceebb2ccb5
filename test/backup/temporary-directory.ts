import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A directory of a test's own, removed at its end. */
export async function temporaryDirectory(test: Pick<TestContext, "after">): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "engine-backup-test-"));
  test.after(() => rm(path, { recursive: true, force: true }));
  return path;
}
