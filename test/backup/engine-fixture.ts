import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createMigratedDatabase } from "../support/migrated-database.ts";
import { server } from "./backup-fixture.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

export const engineBackupProgram = join(import.meta.dirname, "../../src/cli/engine-backup.ts");

export type Engine = {
  readonly directory: string;
  readonly archives: string;
  readonly url: string;
  readonly env: Record<string, string>;
};
export type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** A home, some files and a migrated database of a test's own: what engine-backup finds on a host. */
export async function engine(test: Pick<TestContext, "after">): Promise<Engine> {
  const directory = await temporaryDirectory(test);
  const database = await createMigratedDatabase(server, { ownFqdn: "engine.example.com" });
  test.after(() => database.drop());
  for (const name of ["files", "bin"]) await mkdir(join(directory, name));
  await writeFile(join(directory, "files", "file"), "content");
  const env = {
    PATH: `${join(directory, "bin")}:${process.env["PATH"] ?? ""}`,
    HOME: directory,
    BACKUP_AWARENESS_HOME: join(directory, "home"),
    BACKUP_AWARENESS_FQDN: "engine.example.com",
    BACKUP_AWARENESS_DATABASE_URL: database.url,
    BACKUP_AWARENESS_SCOPES_DB_URL: database.url,
    BACKUP_AWARENESS_SCOPES_FILES_PATHS: join(directory, "files"),
    BACKUP_AWARENESS_ARCHIVE_DIRECTORY: join(directory, "archives"),
  };
  return { directory, archives: join(directory, "archives"), url: database.url, env };
}

/** engine-backup as a process of its own, to its end; standard output as Latin-1, since it may be an archive. */
export function engineBackup(env: Record<string, string>, ...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [engineBackupProgram, ...words],
      { env, encoding: "latin1", maxBuffer: 1e8 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : null, stdout, stderr });
      },
    );
  });
}
