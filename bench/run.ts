import { cpus, totalmem } from "node:os";
import { benchAwareness } from "./awareness.ts";
import { benchEngineBackup } from "./engine-backup/engine-backup.ts";
import { benchNotify } from "./notify.ts";
import { startTestServers } from "../test/support/start-servers.ts";

const benches = { awareness: benchAwareness, "engine-backup": benchEngineBackup, notify: benchNotify } as const;

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`error: there is no bench ${unknown.join(", ")}\nhint: there are: ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}

const started = await startTestServers({ durable: true });
try {
  const server = started.servers[0];
  if (!server) throw new Error("no PostgreSQL server");
  console.log(
    `${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}, PostgreSQL ${server.major}\n`,
  );
  for (const [name, bench] of Object.entries(benches)) {
    if (names.length === 0 || names.includes(name)) await bench({ serverUrl: server.superuserUrl });
  }
} finally {
  await started.stop();
}
