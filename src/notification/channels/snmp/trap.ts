import netSnmp, { type Varbind } from "net-snmp";
import { severities } from "../../../contract/event.ts";
import type { MessageKind } from "../../../contract/notification.ts";
import { eventCode, type Message } from "../../message.ts";
import { renderShortText } from "../../render-text.ts";
import { enterpriseNumber } from "../enterprise-number.ts";

/** mibs/BACKUP-AWARENESS-MIB.txt says what the numbers mean. */
const root = `1.3.6.1.4.1.${enterpriseNumber}.9022`;
const notifications: Readonly<Record<MessageKind, number>> = { raised: 1, reminder: 2, event: 3, cleared: 4, test: 5 };
/** All of it together fits a datagram that no network cuts into pieces. */
const [longestText, mostBytesOfText] = [1_000, 1_024];

/** A message as a notification of our MIB and its objects, in the MIB's order. */
export function trapOf(message: Message): { readonly oid: string; readonly varbinds: Varbind[] } {
  const [first] = message.items;
  const { OctetString, Integer, Unsigned32 } = netSnmp.ObjectType;
  const text = (value: string): [netSnmp.ObjectType, Buffer] => [OctetString, utf8(value)];
  const objects: [netSnmp.ObjectType, Buffer | number][] = [
    text(message.title),
    [Integer, severities[message.severity]],
    text(first?.type ?? ""),
    [Integer, first === undefined ? 0 : eventCode(first.type)],
    text(first?.engine ?? ""),
    text(first?.scope ?? ""),
    [OctetString, dateAndTime(first?.at ?? message.sentAt)],
    text(message.incident ?? ""),
    [Unsigned32, message.items.length + message.omitted],
    text(renderShortText({ ...message, link: null }, longestText)),
    text(message.link ?? ""),
  ];
  return {
    oid: `${root}.0.${notifications[message.kind]}`,
    varbinds: objects.map(([type, value], index) => ({ oid: `${root}.1.${index + 1}.0`, type, value })),
  };
}

/** DateAndTime of RFC 2579, in UTC. */
function dateAndTime(time: Date): Buffer {
  const bytes = Buffer.alloc(11);
  bytes.writeUInt16BE(time.getUTCFullYear(), 0);
  const parts = [
    time.getUTCMonth() + 1,
    time.getUTCDate(),
    time.getUTCHours(),
    time.getUTCMinutes(),
    time.getUTCSeconds(),
  ];
  parts.forEach((part, index) => bytes.writeUInt8(part, index + 2));
  bytes.writeUInt8(Math.floor(time.getUTCMilliseconds() / 100), 7);
  bytes.write("+", 8, "latin1");
  return bytes;
}

function utf8(text: string): Buffer {
  let cut = text;
  while (Buffer.byteLength(cut) > mostBytesOfText) cut = cut.slice(0, Math.floor(cut.length * 0.9));
  return Buffer.from(cut);
}
