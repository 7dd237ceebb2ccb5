import { readFile } from "node:fs/promises";
import { createTransport } from "nodemailer";
import { resolveGuarded } from "../../address-guard.ts";
import type { ChannelKind, SendMeans } from "../../channel-kind.ts";
import type { ChannelValues } from "../../channel-values.ts";
import { renderHtml } from "../../render-html.ts";
import { renderText } from "../../render-text.ts";
import type { Message } from "../../message.ts";
import { resultOfError, type SendResult } from "../../send-result.ts";

const timeoutMs = 20_000;

export const email: ChannelKind = {
  kind: "email",
  title: "E-mail",
  grouping: "list",
  fields: [
    { name: "host", type: "text", required: true, help: "the mail server's name or address" },
    {
      name: "port",
      type: "number",
      fallback: "587",
      minimum: 1,
      maximum: 65535,
      help: "its port: 587, or 465 with security=tls, or 25",
    },
    {
      name: "security",
      type: "choice",
      choices: ["starttls", "tls", "none"],
      fallback: "starttls",
      help: "starttls, which is insisted on; tls from the first byte; none, for a server on the same host",
    },
    { name: "username", type: "text", help: "who logs in; nobody where it is missing" },
    { name: "password", type: "text", secret: true, help: "the password to log in with" },
    { name: "from", type: "text", required: true, help: "the sender's address" },
    { name: "to", type: "list", required: true, help: "a recipient's address; give it several times for several" },
    {
      name: "ca_file",
      type: "text",
      help: "a file of certificate authorities in PEM, for a server with a certificate of your own",
    },
  ],
  faultOf: (values) => {
    for (const address of [values.text("from"), ...values.list("to")])
      if (!/^[^\s@<>,;]+@[^\s@<>,;]+$/.test(address))
        return `${JSON.stringify(address)} is no address, such as ops@example.com`;
    if ((values.optionalText("username") === null) !== (values.optionalText("password") === null))
      return "username and password go together";
    if (values.optionalText("password") !== null && values.text("security") === "none")
      return "a password is not sent without encryption: security=starttls or security=tls";
    return null;
  },
  send,
};

async function send(message: Message, values: ChannelValues, means: SendMeans): Promise<SendResult> {
  const host = values.text("host");
  const { address } = await resolveGuarded(host, means.guard, means.signal);
  const security = values.text("security");
  const caFile = values.optionalText("ca_file");
  const user = values.optionalText("username");
  const transport = createTransport({
    host: address,
    port: values.number("port"),
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    ...(user === null ? {} : { auth: { user, pass: values.text("password") } }),
    tls: { servername: host, ...(caFile === null ? {} : { ca: await readFile(caFile) }) },
    name: means.hostFqdn,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // Nothing that a message holds is a file or an address to be fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const onAbort = (): void => {
    transport.close();
  };
  means.signal.addEventListener("abort", onAbort);
  try {
    const sent = await transport.sendMail(letterOf(message, values));
    const refused = (sent.rejectedErrors ?? []).map((error) => error.message);
    return {
      outcome: "accepted",
      answer: sent.response,
      ...(refused.length > 0 ? { fault: `some recipients were refused: ${refused.join("; ")}` } : {}),
    };
  } catch (error) {
    return resultOfSmtpError(error);
  } finally {
    means.signal.removeEventListener("abort", onAbort);
    transport.close();
  }
}

function letterOf(message: Message, values: ChannelValues) {
  const domain = values.text("from").split("@").at(-1) ?? message.hostFqdn;
  return {
    from: { name: "Backup Awareness", address: values.text("from") },
    to: [...values.list("to")],
    subject: `[Backup Awareness] ${message.title}`,
    text: `${message.title}\n\n${renderText(message)}\n\n-- \nBackup Awareness on ${message.hostFqdn}\n`,
    html: renderHtml(message),
    messageId: `<${message.id}@${domain}>`,
    // What is told of one alert stands together in a mail program.
    ...(message.incident === null ? {} : { references: `<${message.incident}@${domain}>` }),
    headers: {
      "Auto-Submitted": "auto-generated",
      "X-Auto-Response-Suppress": "All",
      ...(message.severity === "alert" || message.severity === "error"
        ? { Importance: "high", "X-Priority": "1" }
        : {}),
    },
  };
}

/** 5xx is for good: a refused address, a wrong password. 4xx (greylisting, a full mailbox) and what happens to the connection passes. */
function resultOfSmtpError(error: unknown): SendResult {
  if (!(error instanceof Error)) return resultOfError(error);
  const { responseCode, code } = error as Error & { responseCode?: number; code?: string };
  const isRefusal = responseCode !== undefined && responseCode >= 500 && responseCode < 600;
  const cannotLogIn = code === "EAUTH" && responseCode === undefined;
  return isRefusal || cannotLogIn ? { outcome: "permanent", answer: error.message } : resultOfError(error);
}
