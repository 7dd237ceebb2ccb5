import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { PostgresInstallation } from "./choose-postgres.ts";
import type { EmbeddedPlaces } from "./places.ts";
import { scramVerifier } from "./scram.ts";
import type { ServerUser } from "./server-user.ts";

/**
 * Gives the superuser the password of his passfile by PostgreSQL's single-user mode, which asks for none: for a home whose passfile was lost.
 * The server must not run. Throws POSTGRES_FAILED.
 */
export async function resetSuperuserPassword(
  places: EmbeddedPlaces,
  installation: PostgresInstallation,
  user: ServerUser | null,
  password: string,
): Promise<void> {
  const child = spawn(join(installation.binDirectory, "postgres"), ["--single", "-D", places.data, "postgres"], {
    cwd: "/",
    stdio: ["pipe", "ignore", "pipe"],
    env: { LC_ALL: "C", TZ: "UTC", PATH: "/usr/bin:/bin" },
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  });
  const ended = Promise.withResolvers<number | null>();
  child.once("error", ended.reject);
  child.once("close", ended.resolve);
  child.stdin.on("error", () => {
    // It ended early; its exit code tells.
  });
  child.stdin.end(`alter role postgres login superuser password '${scramVerifier(password)}'\n`);
  const said = await text(child.stderr);
  const code = await ended.promise;
  // Single-user mode ends well even when the statement failed.
  if (code === 0 && !said.includes("ERROR:")) return;
  throw new BackupAwarenessError("POSTGRES_FAILED", `the superuser's password could not be set anew: ${said.trim()}`);
}
