import netSnmp, { type Session, type Varbind } from "net-snmp";
import { resolveGuarded } from "../../address-guard.ts";
import type { ChannelKind, SendMeans } from "../../channel-kind.ts";
import type { ChannelValues } from "../../channel-values.ts";
import type { Message } from "../../message.ts";
import type { SendResult } from "../../send-result.ts";
import { trapOf } from "./trap.ts";

const answerTimeoutMs = 4_000;
const retries = 2;

const authProtocols = {
  sha: netSnmp.AuthProtocols.sha,
  sha256: netSnmp.AuthProtocols.sha256,
  sha512: netSnmp.AuthProtocols.sha512,
} as const;

export const snmp: ChannelKind = {
  kind: "snmp",
  title: "SNMP trap",
  grouping: "single",
  fields: [
    { name: "host", type: "text", required: true, help: "the receiver's name or address" },
    { name: "port", type: "number", fallback: "162", minimum: 1, maximum: 65535, help: "its port" },
    {
      name: "version",
      type: "choice",
      choices: ["2c", "3"],
      fallback: "2c",
      help: "2c, or 3, which is authenticated and encrypted",
    },
    {
      name: "pdu",
      type: "choice",
      choices: ["inform", "trap"],
      fallback: "inform",
      help: "inform, a trap that its receiver acknowledges; trap, of which nobody knows whether it arrived (2c alone)",
    },
    { name: "community", type: "text", secret: true, help: "the community, for 2c; public where it is missing" },
    { name: "user", type: "text", help: "the user, for 3" },
    {
      name: "auth_protocol",
      type: "choice",
      choices: ["sha", "sha256", "sha512"],
      fallback: "sha256",
      help: "how 3 authenticates",
    },
    { name: "auth_password", type: "text", secret: true, help: "what it authenticates with, at least 8 characters" },
    {
      name: "priv_password",
      type: "text",
      secret: true,
      help: "what it encrypts with (AES-128), at least 8 characters",
    },
  ],
  faultOf: (values) => {
    if (values.text("version") === "2c") return null;
    // Of a trap of version 3 the sender is the authority: every receiver would have to know its engine and clock.
    if (values.text("pdu") === "trap") return "version 3 sends informs: leave pdu=trap out";
    if (values.optionalText("user") === null) return "version 3 needs a user";
    for (const name of ["auth_password", "priv_password"])
      if ((values.optionalText(name)?.length ?? 0) < 8) return `version 3 needs ${name}, of at least 8 characters`;
    return null;
  },
  send,
};

async function send(message: Message, values: ChannelValues, means: SendMeans): Promise<SendResult> {
  const host = values.text("host");
  const { address, family } = await resolveGuarded(host, means.guard, means.signal);
  const { oid, varbinds } = trapOf(message);
  const session = openSession(address, family, values);
  // What the library throws on a socket that fails comes as an event.
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  session.on("error", failed.reject);
  const onAbort = (): void => {
    failed.reject(means.signal.reason);
  };
  means.signal.addEventListener("abort", onAbort);
  try {
    const acknowledged = values.text("pdu") === "inform";
    await Promise.race([failed.promise, hand(session, acknowledged, oid, varbinds)]);
    const answer = acknowledged ? `acknowledged by ${host}` : `sent to ${host}; a trap has no answer`;
    return { outcome: "accepted", answer };
  } finally {
    means.signal.removeEventListener("abort", onAbort);
    session.close();
  }
}

function openSession(address: string, family: 4 | 6, values: ChannelValues): Session {
  const options = {
    transport: family === 6 ? ("udp6" as const) : ("udp4" as const),
    trapPort: values.number("port"),
    timeout: answerTimeoutMs,
    retries,
  };
  if (values.text("version") === "2c")
    return netSnmp.createSession(address, values.optionalText("community") ?? "public", {
      ...options,
      version: netSnmp.Version2c,
    });
  return netSnmp.createV3Session(
    address,
    {
      name: values.text("user"),
      level: netSnmp.SecurityLevel.authPriv,
      authProtocol: authProtocols[values.text("auth_protocol") as keyof typeof authProtocols],
      authKey: values.text("auth_password"),
      privProtocol: netSnmp.PrivProtocols.aes,
      privKey: values.text("priv_password"),
    },
    { ...options, version: netSnmp.Version3 },
  );
}

function hand(session: Session, acknowledged: boolean, oid: string, varbinds: Varbind[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null): void => {
      if (error === null) resolve();
      else reject(error);
    };
    if (acknowledged) session.inform(oid, varbinds, done);
    else session.trap(oid, varbinds, done);
  });
}
