import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Why tests that need this program are skipped; false: it is there, or must be, as in CI. */
export function missingTool(name: string): string | false {
  const isThere = (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return isThere || process.env["CI"] === "true" ? false : `${name} is not installed`;
}
