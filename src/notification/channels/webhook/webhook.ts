import { createHmac } from "node:crypto";
import type { ChannelKind, SendMeans } from "../../channel-kind.ts";
import type { ChannelValues } from "../../channel-values.ts";
import type { Message } from "../../message.ts";
import { messageAsJson } from "../../render-json.ts";
import { resultOfResponse, type SendResult } from "../../send-result.ts";
import { fillTemplate, unknownPlaceholder } from "./template.ts";

export const webhook: ChannelKind = {
  kind: "webhook",
  title: "Webhook",
  grouping: "list",
  fields: [
    {
      name: "url",
      type: "url",
      required: true,
      secret: true,
      help: "where messages are posted; kept secret, since many such URLs hold a token",
    },
    { name: "method", type: "choice", choices: ["POST", "PUT"], fallback: "POST", help: "POST or PUT" },
    {
      name: "signing_secret",
      type: "text",
      secret: true,
      help: "signs each message as Standard Webhooks does: whsec_ and base64, or any text",
    },
    {
      name: "header",
      type: "list",
      secret: true,
      help: "a header of your own, as 'Authorization: Bearer …'; give it several times for several",
    },
    { name: "content_type", type: "text", fallback: "application/json", help: "of what the template makes" },
    {
      name: "template",
      type: "text",
      help: 'the body, with {{title}}, {{text}} and the like in it, such as {"summary": "{{title}}"}; by default all that is known, as JSON',
    },
  ],
  faultOf: (values) => {
    for (const header of values.list("header"))
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+:\s*[\t\x20-\x7e]*$/.test(header))
        return "a header is not of the form Name: value";
    const template = values.optionalText("template");
    const unknown = template === null ? null : unknownPlaceholder(template);
    return unknown === null ? null : `the template names {{${unknown}}}, which there is not`;
  },
  send,
};

async function send(message: Message, values: ChannelValues, means: SendMeans): Promise<SendResult> {
  const template = values.optionalText("template");
  const contentType = values.text("content_type");
  const json = messageAsJson(message);
  const body = template === null ? JSON.stringify(json) : fillTemplate(template, message, contentType);
  const secret = values.optionalText("signing_secret");
  const timestamp = Math.floor(means.now().getTime() / 1000);
  const own = values.list("header").map((header) => {
    const colon = header.indexOf(":");
    return [header.slice(0, colon).toLowerCase(), header.slice(colon + 1).trim()] as const;
  });
  return resultOfResponse(
    await means.http({
      method: values.text("method") === "PUT" ? "PUT" : "POST",
      url: values.text("url"),
      body,
      headers: {
        "content-type": contentType,
        "webhook-id": message.id,
        "webhook-timestamp": String(timestamp),
        ...(secret === null ? {} : { "webhook-signature": signatureOf(secret, message.id, timestamp, body) }),
        ...Object.fromEntries(own),
      },
    }),
  );
}

/** As the specification of Standard Webhooks has it: HMAC-SHA256 over id, time and body. */
function signatureOf(secret: string, id: string, timestamp: number, body: string): string {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : Buffer.from(secret);
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}
