import { BackupAwarenessError } from "../contract/errors.ts";
import { chooseClientProgram, type ClientProgramName, findClientPrograms } from "../database/client-programs.ts";
import type { ClientProgram } from "./backup-run.ts";

/** The client program that fits a server: its own major's, else a newer one's. `path` is the variable PATH. Throws POSTGRES_MISSING. */
export async function findFittingProgram(
  name: ClientProgramName,
  serverMajor: number,
  path: string | undefined,
): Promise<ClientProgram> {
  const candidates = await findClientPrograms(name, path);
  const best = chooseClientProgram(candidates, serverMajor);
  if (best !== null) return best;
  const found =
    candidates.length === 0
      ? "none was found"
      : `found: ${[...new Set(candidates.map(({ version }) => version))].join(", ")}`;
  throw new BackupAwarenessError("POSTGRES_MISSING", `no ${name} that can read PostgreSQL ${serverMajor} (${found})`, {
    hint: `install PostgreSQL's client programs, version ${serverMajor} or newer (Debian, Ubuntu: apt-get install postgresql-client-${serverMajor})`,
  });
}
