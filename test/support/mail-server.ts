import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

/** The authority that signed the test servers' certificate for localhost: itself. */
export const testCaFile = join(import.meta.dirname, "tls/server.crt");

/** A key and a certificate for localhost, for tests alone. */
export async function testCertificate(): Promise<{ key: Buffer; cert: Buffer }> {
  const [key, cert] = await Promise.all(
    ["server.key", "server.crt"].map((name) => readFile(join(import.meta.dirname, "tls", name))),
  );
  return { key: key!, cert: cert! };
}

export type Letter = {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came, headers and all. */
  readonly source: string;
  readonly encrypted: boolean;
  readonly user: string | null;
  readonly at: Date;
};

export type MailServer = {
  readonly port: number;
  readonly letters: Letter[];
  close(): Promise<void>;
};

export type MailServerOptions = {
  readonly port?: number;
  /** TLS from the first byte; otherwise STARTTLS is offered. */
  readonly secure?: boolean;
  /** null: nobody needs to log in. */
  readonly login?: { readonly user: string; readonly password: string } | null;
  /** An answer that refuses a recipient, such as `550 no such user`; null: welcome. */
  readonly refuse?: (address: string) => string | null;
  readonly onLetter?: (letter: Letter) => void;
};

/** A real SMTP server on 127.0.0.1, with TLS and a login. */
export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const letters: Letter[] = [];
  const login = options.login ?? null;
  const server = new SMTPServer({
    ...(await testCertificate()),
    secure: options.secure ?? false,
    authOptional: login === null,
    disabledCommands: login === null ? ["AUTH"] : [],
    onAuth: ({ username, password }, _session, callback) => {
      if (username === login?.user && password === login?.password) callback(null, { user: username });
      else callback(refusal("535 5.7.8 authentication failed"));
    },
    onRcptTo: ({ address }, _session, callback) => {
      const refused = options.refuse?.(address) ?? null;
      callback(refused === null ? null : refusal(refused));
    },
    onData: (stream, session, callback) => {
      void text(stream).then((source) => {
        const letter: Letter = {
          from: session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map(({ address }) => address),
          source,
          encrypted: session.secure,
          user: typeof session.user === "string" ? session.user : null,
          at: new Date(),
        };
        letters.push(letter);
        options.onLetter?.(letter);
        callback(null, "accepted for delivery");
      }, callback); // cut off in the midst of a letter
    },
    closeTimeout: 100,
  });
  server.on("error", () => undefined); // a client that breaks off
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server.server, "listening");
  return {
    port: (server.server.address() as AddressInfo).port,
    letters,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
      }),
  };
}

function refusal(answer: string): Error {
  return Object.assign(new Error(answer.slice(4)), { responseCode: Number(answer.slice(0, 3)) });
}

/** A part of a letter, decoded: what its reader sees. */
export function readablePart(source: string, type: "text/plain" | "text/html"): string {
  const part = source
    .split(/\r?\n--[^\r\n]+\r?\n/)
    .find((each) => each.toLowerCase().startsWith(`content-type: ${type}`));
  if (part === undefined) throw new Error(`the letter has no part ${type}: ${source}`);
  const [head = "", ...rest] = part.split(/\r?\n\r?\n/);
  const body = rest.join("\r\n\r\n");
  if (/base64/i.test(head)) return Buffer.from(body, "base64").toString("utf8");
  if (!/quoted-printable/i.test(head)) return body;
  const bytes = body
    .replace(/=\r?\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
