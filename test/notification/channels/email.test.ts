import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { email } from "../../../src/notification/channels/email/email.ts";
import { exampleMessage, sendThrough } from "../../support/example-message.ts";
import { type MailServer, readablePart, startMailServer, testCaFile } from "../../support/mail-server.ts";

const login = { user: "backup", password: "s3cret pässword" };

describe("an e-mail", () => {
  let server: MailServer;
  let tls: MailServer;
  const refuse = (address: string): string | null =>
    address.startsWith("nobody")
      ? "550 5.1.1 no such user"
      : address.startsWith("later")
        ? "451 4.7.1 greylisted"
        : null;

  before(async () => {
    server = await startMailServer({ login, refuse });
    tls = await startMailServer({ login, secure: true });
  });
  after(async () => {
    await server.close();
    await tls.close();
  });

  const settings = (more: Record<string, string | readonly string[]> = {}) => ({
    host: "localhost",
    port: String(server.port),
    username: login.user,
    password: login.password,
    from: "watch@example.com",
    to: ["ann@example.com", "bob@example.com"],
    ca_file: testCaFile,
    ...more,
  });

  test("arrives over STARTTLS with a login, as text and as HTML, in one thread with what follows", async () => {
    const result = await sendThrough(email, settings());
    assert.deepEqual([result.outcome, result.fault], ["accepted", undefined]);
    assert.match(result.answer, /^250 accepted for delivery/);
    const letter = server.letters.at(-1)!;
    assert.deepEqual(
      [letter.from, letter.to, letter.encrypted, letter.user],
      ["watch@example.com", ["ann@example.com", "bob@example.com"], true, "backup"],
    );
    assert.match(letter.source, /^Subject: \[Backup Awareness\] Backup too old: db1\.example\.com\r?$/m);
    assert.match(letter.source, /^Message-ID: <delivery-7@example\.com>\r?$/m);
    assert.match(letter.source, /^References: <incident-7@example\.com>\r?$/m);
    assert.match(letter.source, /^Auto-Submitted: auto-generated\r?$/m);
    assert.match(readablePart(letter.source, "text/plain"), /^Last full backup: 29 hours ago/m);
    assert.match(readablePart(letter.source, "text/html"), /<td[^>]*>Last full backup<\/td>/);
  });

  test("arrives over TLS from the first byte", async () => {
    const result = await sendThrough(email, settings({ port: String(tls.port), security: "tls" }));
    assert.equal(result.outcome, "accepted");
    assert.equal(tls.letters.at(-1)!.encrypted, true);
  });

  test("cannot be given headers by what a message says", async () => {
    const message = { ...exampleMessage(), title: "x\r\nBcc: eve@example.com\r\n\r\nbody" };
    await sendThrough(email, settings(), { message });
    const letter = server.letters.at(-1)!;
    assert.deepEqual(letter.to, ["ann@example.com", "bob@example.com"]);
    assert.doesNotMatch(letter.source.split(/\r?\n\r?\n/)[0]!, /^Bcc:/m);
  });

  test("to one recipient who is refused and one who is not is accepted, and says so", async () => {
    const result = await sendThrough(email, settings({ to: ["ann@example.com", "nobody@example.com"] }));
    assert.equal(result.outcome, "accepted");
    assert.match(result.fault ?? "", /550.*no such user/s);
    assert.deepEqual(server.letters.at(-1)!.to, ["ann@example.com"]);
  });

  test("is refused for good by 5xx and a wrong password, for now by 4xx and a server that is away", async () => {
    const outcome = async (more: Record<string, string | readonly string[]>) =>
      (await sendThrough(email, settings(more)).catch(() => ({ outcome: "temporary" }))).outcome;
    assert.equal(await outcome({ to: ["nobody@example.com"] }), "permanent");
    assert.equal(await outcome({ password: "wrong" }), "permanent");
    assert.equal(await outcome({ to: ["later@example.com"] }), "temporary");
    assert.equal(await outcome({ port: "1" }), "temporary");
  });

  test("never goes out unencrypted where it should not, nor to a server with a certificate that nobody vouches for", async () => {
    const plain = await startMailServer();
    try {
      const unknown = new Map(Object.entries(settings()));
      unknown.delete("ca_file");
      const untrusted = await sendThrough(email, Object.fromEntries(unknown));
      assert.equal(untrusted.outcome, "temporary");
      assert.match(untrusted.answer, /self.signed certificate/);
      await assert.rejects(sendThrough(email, settings({ security: "none" })), /without encryption/);
    } finally {
      await plain.close();
    }
  });

  test("does not go to a private address that the settings do not allow", async () => {
    await assert.rejects(sendThrough(email, settings(), { allowed: [] }), /localhost is at .* a private address/);
  });
});
