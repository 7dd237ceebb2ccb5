import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pino } from "pino";
import { systemdNotifier, watchdogPeriodMs } from "../../src/server/systemd-notify.ts";
import { waitUntil } from "../support/wait-until.ts";

const logger = pino({ level: "silent" });

/** Node has no Unix datagram sockets; perl, which every Debian has, does. */
const receiver = `
  use Socket; $| = 1;
  socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die; print "bound\\n";
  while (defined recv($s, my $message, 4096, 0)) { print "$message\\n" }`;

const missing = ["systemd-notify", "perl"].find((program) => spawnSync(program, ["--version"]).status !== 0);

test(
  "tells systemd when it is ready, that it lives, and that it stops",
  { skip: missing === undefined ? false : `no ${missing}` },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "notify-"));
    const socket = join(directory, "socket");
    const listener = spawn("perl", ["-e", receiver, socket], { stdio: ["ignore", "pipe", "inherit"] });
    const closed = once(listener, "close");
    let received = "";
    listener.stdout.setEncoding("utf8").on("data", (text: string) => (received += text));
    try {
      await waitUntil("the socket is bound", () => received.includes("bound"));
      const env = { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000" };
      const notifier = systemdNotifier({ env, pid: process.pid, logger });
      let healthy = true;
      notifier.ready("Watching");
      notifier.watch(() => healthy);
      await waitUntil("READY=1", () => received.includes("READY=1"));
      assert.match(received, /STATUS=Watching/);
      await waitUntil("two signs of life", () => received.split("WATCHDOG=1").length > 2);
      healthy = false;
      notifier.stopping();
      await waitUntil("STOPPING=1", () => received.includes("STOPPING=1"));
      notifier.close();
    } finally {
      listener.kill();
      await closed;
      await rm(directory, { recursive: true });
    }
  },
);

test("tells nobody where systemd did not start it", () => {
  const notifier = systemdNotifier({ env: { PATH: "/nonexistent" }, pid: 1, logger });
  notifier.ready("Watching");
  notifier.watch(() => true);
  notifier.stopping();
  notifier.close();
});

test("the watchdog is told in half its time, and only where it watches this process", () => {
  assert.equal(watchdogPeriodMs({ WATCHDOG_USEC: "30000000" }, 7), 15_000);
  assert.equal(watchdogPeriodMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 7), 15_000);
  assert.equal(watchdogPeriodMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, 7), null);
  assert.equal(watchdogPeriodMs({}, 7), null);
  assert.equal(watchdogPeriodMs({ WATCHDOG_USEC: "soon" }, 7), null);
});
