import { BackupAwarenessError } from "../../contract/errors.ts";
import { describeEnd, runProgram, type ProgramCall } from "../run-program.ts";

/** What a program writes to standard output, to its end. Throws RESTORE_FAILED where it ends with another exit code than 0. */
export async function programOutput(name: string, call: Omit<ProgramCall, "onErrorLine">): Promise<string> {
  const pieces: Buffer[] = [];
  const end = await runProgram({ ...call, onErrorLine: () => undefined }, (data) => {
    pieces.push(data);
    return Promise.resolve();
  });
  if (end.exitCode !== 0) throw new BackupAwarenessError("RESTORE_FAILED", describeEnd(name, end));
  return Buffer.concat(pieces).toString("utf8");
}
