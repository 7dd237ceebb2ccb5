import { BackupAwarenessError } from "../../contract/errors.ts";

/** PostgreSQL's server programs in one directory, found to run. */
export type PostgresInstallation = {
  readonly binDirectory: string;
  readonly major: number;
  /** As the program tells it: "15.18". */
  readonly version: string;
  /** `machine`: installed by the administrator; `package`: shipped with Backup Awareness. */
  readonly origin: "machine" | "package";
};

/** The oldest PostgreSQL that Backup Awareness works with. */
export const oldestPostgresMajor = 13;

/**
 * Which programs run the cluster. A new one (`dataMajor` null): the machine's newest, else the package's. An existing one: its own major
 * only, for no other can read its files.
 * Throws POSTGRES_MISSING, naming the major and what to install.
 */
export function choosePostgres(
  installations: readonly PostgresInstallation[],
  dataMajor: number | null,
): PostgresInstallation {
  const fitting = installations.filter(({ major }) =>
    dataMajor === null ? major >= oldestPostgresMajor : major === dataMajor,
  );
  const [best] = fitting.toSorted(
    (one, other) =>
      Number(one.origin === "package") - Number(other.origin === "package") ||
      compareVersions(other.version, one.version),
  );
  if (best !== undefined) return best;
  const found = [...new Set(installations.map(({ version }) => version))].join(", ");
  const has = found === "" ? "none was found" : `found: ${found}`;
  if (dataMajor === null) {
    throw new BackupAwarenessError(
      "POSTGRES_MISSING",
      `no PostgreSQL ${oldestPostgresMajor} or newer to run the embedded database (${has})`,
      {
        hint: "install PostgreSQL's server (Debian, Ubuntu: apt-get install postgresql), or set database.url to a server of your own",
      },
    );
  }
  throw new BackupAwarenessError(
    "POSTGRES_MISSING",
    `the embedded database was made by PostgreSQL ${dataMajor}, which is not on this machine (${has})`,
    {
      hint: `install PostgreSQL ${dataMajor} (Debian, Ubuntu: apt-get install postgresql-${dataMajor})`,
    },
  );
}

/** Below zero: `one` is older. */
export function compareVersions(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}
