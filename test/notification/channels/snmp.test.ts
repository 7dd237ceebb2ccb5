import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { snmp } from "../../../src/notification/channels/snmp/snmp.ts";
import { temporaryDirectory } from "../../backup/temporary-directory.ts";
import { exampleMessage, exampleStorm, exampleTold, sendThrough } from "../../support/example-message.ts";
import { findMonitoringProgram } from "../../support/monitoring-programs.ts";
import { waitUntil } from "../../support/wait-until.ts";

const root = join(import.meta.dirname, "../../..");
const mibDirectories = [join(root, "node_modules/net-snmp/lib/mibs"), join(root, "mibs")];
const snmptrapd = findMonitoringProgram("snmptrapd");

describe("an SNMP trap", { skip: snmptrapd === null && "snmptrapd is not to be had here" }, () => {
  const freePort = async (): Promise<number> => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    const { port } = socket.address();
    socket.close();
    await once(socket, "close");
    return port;
  };

  /** Net-SNMP's own receiver, which writes what it receives, with the names of our MIB. */
  const startReceiver = async (t: TestContext) => {
    const directory = await temporaryDirectory(t);
    const [port, log, config] = [await freePort(), join(directory, "traps.log"), join(directory, "snmptrapd.conf")];
    await writeFile(
      config,
      `authCommunity log secret-community
createUser watcher SHA-256 "auth password" AES "priv password"
authUser log watcher priv
format2 %V|%N %P %v\\n
`,
    );
    const child = spawn(
      snmptrapd!.file,
      [
        "-f",
        "-n",
        "-C",
        "-c",
        config,
        "-Lf",
        log,
        "-M",
        mibDirectories.join(":"),
        "-m",
        "BACKUP-AWARENESS-MIB",
        `udp:127.0.0.1:${port}`,
      ],
      { env: { ...process.env, ...snmptrapd!.env, SNMP_PERSISTENT_DIR: directory }, stdio: "ignore" },
    );
    t.after(async () => {
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    });
    const read = () => readFile(log, "utf8").catch(() => "");
    await waitUntil("snmptrapd listens", async () => (await read()).includes("NET-SNMP version"));
    return {
      port: String(port),
      received: (pattern: RegExp) =>
        waitUntil(String(pattern), async () => (pattern.test(await read()) ? read() : null)),
    };
  };

  test("of version 2c arrives, acknowledged or not, and is read by the MIB", async (t) => {
    const { port, received } = await startReceiver(t);
    const settings = { host: "127.0.0.1", port, community: "secret-community" };
    assert.deepEqual(await sendThrough(snmp, settings), { outcome: "accepted", answer: "acknowledged by 127.0.0.1" });
    const log = await received(/baAlertRaised/);
    for (const pattern of [
      /= OID: BACKUP-AWARENESS-MIB::baAlertRaised/,
      /baTitle\.0 = STRING: Backup too old: db1\.example\.com/,
      /baSeverity\.0 = INTEGER: alert\(10\)/,
      /baEventCode\.0 = INTEGER: 9023/,
      /baEngine\.0 = STRING: db1\.example\.com/,
      /baSince\.0 = STRING: 2026-11-22,22:0:0\.0,\+0:0/,
      /baIncident\.0 = STRING: incident-7/,
      /baText\.0 = STRING: Engine: /,
    ])
      assert.match(log, pattern);
    const cleared = exampleMessage({ kind: "cleared", told: [exampleTold({ fqdn: "zürich.example.com" })] });
    const sent = await sendThrough(snmp, { ...settings, pdu: "trap" }, { message: cleared });
    assert.match(sent.answer, /no answer/);
    assert.match(await received(/baAlertCleared/), /baEngine\.0 = STRING: zürich\.example\.com/);
    await sendThrough(snmp, settings, { message: exampleStorm(10_000) });
    assert.match(await received(/baTotal\.0 = Gauge32: 10000/), /10000 engines with a backup too old/);
  });

  test("of version 3 arrives authenticated and encrypted, and with a wrong password does not count as sent", async (t) => {
    const { port, received } = await startReceiver(t);
    const settings = {
      host: "127.0.0.1",
      port,
      version: "3",
      user: "watcher",
      auth_password: "auth password",
      priv_password: "priv password",
    };
    assert.equal((await sendThrough(snmp, settings)).outcome, "accepted");
    await received(/baAlertRaised/);
    await assert.rejects(sendThrough(snmp, { ...settings, auth_password: "another password" }));
  });

  test("that nobody acknowledges does not count as sent", async () => {
    const silent = createSocket("udp4").bind(0, "127.0.0.1");
    await once(silent, "listening");
    const signal = AbortSignal.timeout(1_000);
    const settings = { host: "127.0.0.1", port: String(silent.address().port) };
    await assert.rejects(sendThrough(snmp, settings, { signal }));
    silent.close();
  });

  test("of version 3 needs a user and passwords, and is an inform", async () => {
    const settings = { host: "127.0.0.1", version: "3" };
    await assert.rejects(sendThrough(snmp, settings), /needs a user/);
    await assert.rejects(sendThrough(snmp, { ...settings, user: "x", auth_password: "short" }), /at least 8/);
    await assert.rejects(sendThrough(snmp, { ...settings, pdu: "trap" }), /informs/);
  });
});
