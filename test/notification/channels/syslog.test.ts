import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { syslog } from "../../../src/notification/channels/syslog/syslog.ts";
import { syslogLine } from "../../../src/notification/channels/syslog/syslog-line.ts";
import { exampleMessage, exampleStorm, exampleTold, sendThrough } from "../../support/example-message.ts";
import { testCaFile, testCertificate } from "../../support/mail-server.ts";

/** RFC 5424, section 6, as it is written there. */
const grammar =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (\[[!-~]{1,32}(?: [!-<>-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\]) \u{FEFF}(.*)$/su;

describe("a line of syslog", () => {
  test("is of RFC 5424's grammar, on one line, and no longer than it may be", () => {
    const odd = exampleMessage({ told: [exampleTold({ fqdn: 'a]"\\ü', text: "two\nlines" })] });
    for (const message of [exampleMessage(), exampleStorm(3), exampleStorm(10_000), odd]) {
      for (const mostBytes of [480, 2_048, 8_192]) {
        const line = syslogLine(message, 16, mostBytes);
        assert.match(line, grammar);
        assert.ok(Buffer.byteLength(line) <= mostBytes);
        assert.doesNotMatch(line, /[\r\n]/);
      }
    }
  });

  test("says who, what, and how bad", () => {
    const [, priority, time, host, app, , id, data, said] = grammar.exec(syslogLine(exampleMessage(), 3, 8_192))!;
    assert.deepEqual(
      [priority, time, host, app, id],
      ["25", "2026-11-23T03:00:00.000Z", "watch.example.com", "backup-awareness", "ENGINE_NO_WARM_BACKUP"],
    );
    assert.match(data!, /kind="raised" .*code="9023" engine="db1\.example\.com" alert="12"/);
    assert.match(said!, /^Backup too old: db1\.example\.com; Since: 5 hours ago/);
  });

  test("arrives by UDP", async () => {
    const receiver = createSocket("udp4").bind(0, "127.0.0.1");
    await once(receiver, "listening");
    const received = once(receiver, "message") as Promise<[Buffer]>;
    const result = await sendThrough(syslog, { host: "localhost", port: String(receiver.address().port) });
    const [datagram] = await received;
    receiver.close();
    assert.equal(result.outcome, "accepted");
    assert.match(datagram.toString("utf8"), grammar);
  });

  const receiveBy = async (server: Server, set: Record<string, string>): Promise<string> => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const received = once(server, set["transport"] === "tls" ? "secureConnection" : "connection").then(([socket]) =>
      text(socket as NodeJS.ReadableStream),
    );
    const result = await sendThrough(syslog, { host: "localhost", port: String(port), ...set });
    assert.equal(result.outcome, "accepted");
    const frame = await received;
    server.close();
    return frame;
  };

  test("arrives by TCP and by TLS, its octets counted", async () => {
    const frames = [
      await receiveBy(createServer(), { transport: "tcp" }),
      await receiveBy(createTlsServer(await testCertificate()), { transport: "tls", ca_file: testCaFile }),
    ];
    for (const frame of frames) {
      const [, count, line] = /^(\d+) (.*)$/s.exec(frame)!;
      assert.equal(Number(count), Buffer.byteLength(line!));
      assert.match(line!, grammar);
    }
  });

  test("does not count as sent where nobody listens, nor to a receiver that nobody vouches for", async () => {
    await assert.rejects(sendThrough(syslog, { host: "127.0.0.1", port: "1", transport: "tcp" }), {
      code: "ECONNREFUSED",
    });
    const server = createTlsServer(await testCertificate());
    server.on("tlsClientError", () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await assert.rejects(
      sendThrough(syslog, { host: "localhost", port: String(port), transport: "tls" }),
      /self.signed/,
    );
    server.close();
  });
});
