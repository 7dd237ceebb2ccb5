import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { resolveGuarded } from "../../address-guard.ts";
import type { ChannelKind, SendMeans } from "../../channel-kind.ts";
import type { ChannelValues } from "../../channel-values.ts";
import type { Message } from "../../message.ts";
import type { SendResult } from "../../send-result.ts";
import { syslogLine } from "./syslog-line.ts";

/** What every receiver takes over UDP by RFC 5426, and enough for a line that somebody reads elsewhere. */
const [mostBytesOfDatagram, mostBytes] = [2_048, 8_192];

export const syslog: ChannelKind = {
  kind: "syslog",
  title: "Syslog (RFC 5424)",
  grouping: "single",
  fields: [
    { name: "host", type: "text", required: true, help: "the receiver's name or address" },
    { name: "port", type: "number", minimum: 1, maximum: 65535, help: "its port: 514 by default, 6514 for TLS" },
    {
      name: "transport",
      type: "choice",
      choices: ["udp", "tcp", "tls"],
      fallback: "udp",
      help: "udp, of which nobody knows whether it arrived; tcp; tls",
    },
    {
      name: "facility",
      type: "number",
      fallback: "16",
      minimum: 0,
      maximum: 23,
      help: "the facility's number: 3 daemon, 16 local0",
    },
    {
      name: "ca_file",
      type: "text",
      help: "a file of certificate authorities in PEM, for a receiver with a certificate of your own",
    },
  ],
  send,
};

async function send(message: Message, values: ChannelValues, means: SendMeans): Promise<SendResult> {
  const transport = values.text("transport");
  const host = values.text("host");
  const port = values.optionalNumber("port") ?? (transport === "tls" ? 6514 : 514);
  const { address, family } = await resolveGuarded(host, means.guard, means.signal);
  const line = Buffer.from(
    syslogLine(message, values.number("facility"), transport === "udp" ? mostBytesOfDatagram : mostBytes),
  );
  if (transport === "udp") {
    await sendDatagram(line, address, port, family);
    return { outcome: "accepted", answer: `${line.length} bytes sent to ${host}:${port}; UDP has no answer` };
  }
  const caFile = values.optionalText("ca_file");
  const ca = caFile === null ? undefined : await readFile(caFile);
  const socket =
    transport === "tcp"
      ? connect({ host: address, port })
      : connectTls({ host: address, port, servername: host, ...(ca === undefined ? {} : { ca }) });
  await sendStream(socket, Buffer.concat([Buffer.from(`${line.length} `), line]), means.signal);
  return { outcome: "accepted", answer: `${line.length} bytes taken by ${host}:${port}` };
}

async function sendDatagram(line: Buffer, address: string, port: number, family: 4 | 6): Promise<void> {
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  try {
    // Connected, so that a port on which nobody listens is told.
    socket.connect(port, address);
    await once(socket, "connect");
    await new Promise<void>((resolve, reject) => {
      socket.send(line, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  } finally {
    socket.close();
  }
}

/** Octet counting by RFC 6587. Syslog answers nothing: that the receiver has closed in order, after us, is all that it says. */
async function sendStream(socket: Socket, frame: Buffer, signal: AbortSignal): Promise<void> {
  const onAbort = (): void => {
    socket.destroy(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
  };
  signal.addEventListener("abort", onAbort);
  const ended = once(socket, "close");
  ended.catch(() => undefined);
  try {
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    socket.on("error", failed.reject);
    socket.resume();
    await Promise.race([failed.promise, new Promise<void>((resolve) => socket.end(frame, resolve))]);
    // A receiver may keep its half open.
    const patience = setTimeout(() => {
      socket.destroy();
    }, 1_000);
    await Promise.race([failed.promise, ended]).finally(() => {
      clearTimeout(patience);
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}
