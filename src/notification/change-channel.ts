import type { Pool } from "pg";
import { channelNamePattern } from "../contract/notification.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { addChannel as storeChannel, readStoredChannel, setChannel as storeValues } from "../database/channels.ts";
import { beginTestDelivery, finishDelivery } from "../database/deliveries.ts";
import type { ChannelKind } from "./channel-kind.ts";
import { channelKind } from "./channels/index.ts";
import { channelSender, type ChannelSenderOptions } from "./channel-sender.ts";
import { joinValues, readValues, type SplitValues } from "./channel-values.ts";
import { testMessage } from "./message.ts";
import { encryptSecrets, readOrMakeKey } from "./secrets.ts";
import type { SendResult } from "./send-result.ts";

export type ChannelChange = {
  readonly pool: Pool;
  /** Where the key of the secrets is, or is made. */
  readonly home: string;
  /** For the events: who does it. */
  readonly actor: string;
  readonly name: string;
  /** A field's name and what is given for it, once or several times; secrets among them. */
  readonly given: ReadonlyMap<string, readonly string[]>;
};

/** Adds a channel; its secrets are encrypted before they leave this process. Returns its number. @throws CHANNEL_INVALID */
export async function addChannel(change: ChannelChange, kindName: string): Promise<number> {
  const { pool, name, actor } = change;
  if (!channelNamePattern.test(name)) {
    throw new BackupAwarenessError("CHANNEL_INVALID", `${JSON.stringify(name)} is no name of a channel`, {
      hint: "small letters, digits, _ and -, beginning with a letter, at most 64",
    });
  }
  const kind = channelKind(kindName);
  const values = checkedValues(kind, change.given);
  return storeChannel(
    pool,
    {
      name,
      kind: kind.kind,
      config: values.config,
      secrets: await sealed(change.home, name, values),
      grouping: kind.grouping,
    },
    actor,
  );
}

/** Gives a channel other values, all of them: what is not given falls back. @throws CHANNEL_UNKNOWN, CHANNEL_INVALID */
export async function setChannel(change: ChannelChange): Promise<void> {
  const { pool, name, actor } = change;
  const stored = await readStoredChannel(pool, name);
  if (stored === null) throw unknownChannel(name);
  const values = checkedValues(channelKind(stored.kind), change.given);
  await storeValues(pool, { name, config: values.config, secrets: await sealed(change.home, name, values) }, actor);
}

/** Sends a test message through a channel at once and returns what the other side answered. @throws CHANNEL_UNKNOWN */
export async function testChannel(pool: Pool, name: string, options: ChannelSenderOptions): Promise<SendResult> {
  const channel = await readStoredChannel(pool, name);
  if (channel === null) throw unknownChannel(name);
  const delivery = await beginTestDelivery(pool, name);
  const { settings, now } = options;
  const message = testMessage(
    {
      now: now(),
      publicUrl: settings.notification.publicUrl,
      hostFqdn: settings.fqdn,
      id: `delivery-${delivery}`,
    },
    name,
  );
  const result = await channelSender(options)(channel, message);
  await finishDelivery(pool, delivery, {
    outcome: result.outcome,
    answer: result.answer,
    fault: result.fault ?? null,
    pauseMs: 0,
  });
  return result;
}

function checkedValues(kind: ChannelKind, given: ChannelChange["given"]): SplitValues {
  const values = readValues(kind.fields, given);
  const fault = kind.faultOf?.(joinValues(kind.fields, values)) ?? null;
  if (fault === null) return values;
  throw new BackupAwarenessError("CHANNEL_INVALID", fault, {
    hint: `\`backup-awareness channel kinds ${kind.kind}\` tells what can be set`,
  });
}

async function sealed(home: string, name: string, { secrets }: SplitValues): Promise<Buffer | null> {
  return Object.keys(secrets).length === 0 ? null : encryptSecrets(await readOrMakeKey(home), name, secrets);
}

function unknownChannel(name: string): BackupAwarenessError {
  return new BackupAwarenessError("CHANNEL_UNKNOWN", `there is no channel ${JSON.stringify(name)}`, {
    hint: "`backup-awareness channel list` shows them",
  });
}
