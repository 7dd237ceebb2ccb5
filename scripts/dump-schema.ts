import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { createMigratedDatabase } from "../test/support/migrated-database.ts";
import { startTestServers } from "../test/support/start-servers.ts";
import { schemaSnapshot } from "./schema-snapshot.ts";

/* Writes sql/schema.snapshot, or with --check says whether it is what the migrations and procedures make. */

const file = join(import.meta.dirname, "../sql/schema.snapshot");
const started = await startTestServers();
try {
  const snapshots = await Promise.all(
    started.servers.map(async (server) => {
      const database = await createMigratedDatabase(server, { ownFqdn: "own.example.com" });
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      const snapshot = await schemaSnapshot(client);
      await client.end();
      await database.drop();
      return { major: server.major, snapshot };
    }),
  );
  if (process.argv.includes("--check")) {
    const committed = await readFile(file, "utf8");
    const differing = snapshots.filter(({ snapshot }) => snapshot !== committed);
    for (const { major, snapshot } of differing) {
      const known = new Set(committed.split("\n"));
      const made = new Set(snapshot.split("\n"));
      console.error(`error: PostgreSQL ${major} makes another schema than sql/schema.snapshot says`);
      for (const line of known) if (!made.has(line)) console.error(`- ${line}`);
      for (const line of made) if (!known.has(line)) console.error(`+ ${line}`);
    }
    if (differing.length > 0) {
      console.error("hint: if it is meant, run `npm run schema:dump` and commit what it writes");
      process.exitCode = 1;
    }
  } else {
    await writeFile(file, snapshots[0]?.snapshot ?? "");
  }
} finally {
  await started.stop();
}
