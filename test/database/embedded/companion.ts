import { once } from "node:events";
import { BackupAwarenessError } from "../../../src/contract/errors.ts";
import { acquireDaemonLock } from "../../../src/database/daemon-lock.ts";
import { openHome } from "./temporary-home.ts";

/*
 * Another process on a home: `node companion.ts HOME stay|write|daemon`. Prints "open PORT" once the database is open, with `write` then the number of
 * each row that is committed, one a line; "error CODE MESSAGE" where it cannot open. Closes at the end of its input.
 */

const [home = "", work = "stay"] = process.argv.slice(2);

try {
  const lock = work === "daemon" ? await acquireDaemonLock({ home }, process.getuid?.() ?? null) : null;
  const database = await openHome(home, { keepsServer: work === "daemon" });
  console.log(`open ${new URL(database.url).port}`);
  process.stdin.resume();
  const ended = once(process.stdin, "end");
  if (work === "write") {
    await database.pool.query(
      "create table if not exists written (number bigint generated always as identity, writer int)",
    );
    for (;;) {
      const { rows } = await database.pool.query<{ number: string }>(
        "insert into written (writer) values ($1) returning number",
        [process.pid],
      );
      console.log(rows[0]?.number);
    }
  }
  await ended;
  await database.close();
  await lock?.release();
} catch (error) {
  console.log(
    error instanceof BackupAwarenessError ? `error ${error.code} ${error.message}` : `error ${String(error)}`,
  );
}
process.stdin.destroy();
