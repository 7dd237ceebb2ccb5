import type { ChannelKind, SendMeans } from "../../src/notification/channel-kind.ts";
import { addressGuard } from "../../src/notification/address-guard.ts";
import { joinValues, readValues } from "../../src/notification/channel-values.ts";
import { httpSender } from "../../src/notification/http-request.ts";
import { composeMessage, type Message, type MessageInput, type Told } from "../../src/notification/message.ts";
import type { SendResult } from "../../src/notification/send-result.ts";

/** The moment at which the examples are sent. */
export const exampleNow = new Date("2026-11-23T03:00:00Z");

export function exampleTold(more: Partial<Told> = {}): Told {
  return {
    type: "ENGINE_NO_WARM_BACKUP",
    severity: "alert",
    fqdn: "db1.example.com",
    scope: null,
    alertId: 12,
    at: new Date("2026-11-22T22:00:00Z"),
    clearedAt: null,
    text: "The last full backup of engine db1.example.com is of 2026-11-21 22:00:00 UTC and too old since 2026-11-22 22:00:00 UTC.",
    ...more,
  };
}

/** An alert about an engine whose last backup failed. */
function exampleInput(more: Partial<MessageInput> = {}): MessageInput {
  const status = { running_since: null, stalled: false };
  return {
    kind: "raised",
    told: [exampleTold()],
    total: 1,
    counts: new Map(
      [...Map.groupBy(more.told ?? [exampleTold()], ({ type }) => type)].map(([type, of]) => [type, of.length]),
    ),
    engines: new Map([
      [
        "db1.example.com",
        {
          fullBackupAt: new Date("2026-11-21T22:00:00Z"),
          requiredScopes: ["db", "files"],
          scopes: new Map([
            [
              "db",
              {
                ...status,
                last_success_at: "2026-11-21T22:00:00.000Z",
                last_failure_at: "2026-11-22T22:00:00.000Z",
                last_failure_message: 'pg_dump: error: connection to server failed: "no space left" <&> *bold* `code`',
              },
            ],
            [
              "files",
              {
                ...status,
                last_success_at: "2026-11-22T23:00:00.000Z",
                last_failure_at: null,
                last_failure_message: null,
              },
            ],
          ]),
        },
      ],
    ]),
    now: exampleNow,
    publicUrl: "https://backup.example.com",
    hostFqdn: "watch.example.com",
    id: "delivery-7",
    incident: "incident-7",
    ...more,
  };
}

export function exampleMessage(more: Partial<MessageInput> = {}): Message {
  return composeMessage(exampleInput(more));
}

/** A list of so many engines, not all of them told. */
export function exampleStorm(total: number, told = Math.min(total, 1_000)): Message {
  return exampleMessage({
    told: Array.from({ length: told }, (_, i) => exampleTold({ fqdn: `e${i}.example.com`, alertId: i + 1 })),
    total,
    counts: new Map([["ENGINE_NO_WARM_BACKUP", total]]),
  });
}

export type SendOptions = {
  readonly message?: Message;
  /** By default the loopback network. */
  readonly allowed?: readonly string[];
  readonly allowCommand?: boolean;
  readonly signal?: AbortSignal;
};

/** Sends a message through a channel that is set so; all of the channel's code, and a real connection. */
export async function sendThrough(
  kind: ChannelKind,
  set: Readonly<Record<string, string | readonly string[]>>,
  options: SendOptions = {},
): Promise<SendResult> {
  const given = new Map(
    Object.entries(set).map(([name, value]) => [name, typeof value === "string" ? [value] : value]),
  );
  const values = joinValues(kind.fields, readValues(kind.fields, given));
  const fault = kind.faultOf?.(values) ?? null;
  if (fault !== null) throw new Error(fault);
  const guard = addressGuard(options.allowed ?? ["127.0.0.0/8"]);
  const signal = options.signal ?? AbortSignal.timeout(20_000);
  const means: SendMeans = {
    http: httpSender(guard, "backup-awareness/test", signal),
    guard,
    allowCommand: options.allowCommand ?? false,
    hostFqdn: "watch.example.com",
    now: () => exampleNow,
    signal,
  };
  return kind.send(options.message ?? exampleMessage(), values, means);
}
