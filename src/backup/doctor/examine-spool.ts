import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { refusedDirectoryName } from "../../report/spool.ts";
import { type Finding, fine, warning } from "./finding.ts";

/** Whether reports wait for the database, or were refused by it. */
export async function examineSpool(spoolDirectory: string): Promise<readonly Finding[]> {
  const waiting = await countReports(spoolDirectory);
  const refusedDirectory = join(spoolDirectory, refusedDirectoryName);
  const refused = await countReports(refusedDirectory);
  if (waiting === null || refused === null) {
    return [warning("spool", `"${spoolDirectory}" cannot be read`, "run as the user who owns it, with sudo for one")];
  }
  return [
    waiting === 0
      ? fine("spool", "no report waits")
      : warning(
          "spool",
          `${waiting} reports wait for the database`,
          "the daemon, or the next backup, records them once the database answers",
        ),
    ...(refused === 0
      ? []
      : [
          warning(
            "spool",
            `${refused} reports were refused by the database`,
            `read the reasons in "${refusedDirectory}", report those backups again, then remove the files`,
          ),
        ]),
  ];
}

/** null: the directory is there and cannot be read. */
async function countReports(directory: string): Promise<number | null> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith(".json") && !name.startsWith(".")).length;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT" ? 0 : null;
  }
}
