import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createMigratedDatabase } from "../../support/migrated-database.ts";
import { type Outcome, runCommand, startCommand, type Variables } from "../../support/run-command.ts";
import { server } from "../backup-fixture.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { restoreTarget } from "./database-restore-fixture.ts";

/** A host with an application's database and files, and our own database on a test server. */
export type TestEngine = {
  readonly directory: string;
  readonly files: string;
  readonly temporary: string;
  /** The application's database. */
  readonly url: string;
  /** Our own. */
  readonly ownUrl: string;
  readonly variables: Variables;
  /** Makes an archive; returns its path. */
  backUp(...words: string[]): Promise<string>;
  restore(...words: string[]): Promise<Outcome>;
  startRestore(...words: string[]): ReturnType<typeof startCommand>;
};

export async function testEngine(test: TestContext, sql: string): Promise<TestEngine> {
  const directory = await temporaryDirectory(test);
  const own = await createMigratedDatabase(server, { ownFqdn: "engine.example.com" });
  test.after(() => own.drop());
  const url = await restoreTarget(test, sql);
  const [files, archives, temporary] = ["files", "archives", "tmp"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(files);
  await mkdir(temporary);
  await writeFile(join(files, "a file"), "its content");
  const variables = {
    BACKUP_AWARENESS_HOME: join(directory, "home"),
    BACKUP_AWARENESS_FQDN: "engine.example.com",
    BACKUP_AWARENESS_DATABASE_URL: own.url,
    BACKUP_AWARENESS_SCOPES_DB_URL: url,
    BACKUP_AWARENESS_SCOPES_FILES_PATHS: files,
    BACKUP_AWARENESS_ARCHIVE_DIRECTORY: archives,
  };
  const restoreWords = (words: readonly string[]) => ["--mode=restore", `--tmpdir=${temporary}`, ...words];
  return {
    directory,
    files,
    temporary,
    url,
    ownUrl: own.url,
    variables,
    async backUp(...words) {
      const { code, stderr } = await runCommand("engine-backup", ["--mode=backup", ...words], variables);
      if (code !== 0) throw new Error(`the backup failed: ${stderr}`);
      const [newest] = (await readdir(archives))
        .filter((name) => name.endsWith(".tar.zst"))
        .toSorted()
        .toReversed();
      return join(archives, newest ?? "");
    },
    restore: (...words) => runCommand("engine-backup", restoreWords(words), variables),
    startRestore: (...words) => startCommand("engine-backup", restoreWords(words), variables),
  };
}
