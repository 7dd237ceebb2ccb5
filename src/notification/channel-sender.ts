import type { StoredChannel } from "../database/channels.ts";
import { addressGuard } from "./address-guard.ts";
import { channelKind } from "./channels/index.ts";
import { joinValues } from "./channel-values.ts";
import { httpSender } from "./http-request.ts";
import type { Message } from "./message.ts";
import { resultOfError, type SendResult } from "./send-result.ts";
import { decryptSecrets, readKey, type Secrets, withoutSecrets } from "./secrets.ts";

/** What of the settings and of this host concerns sending. */
export type SenderSettings = {
  readonly home: string;
  readonly fqdn: string;
  readonly notification: {
    readonly allowPrivateAddresses: readonly string[];
    readonly allowCommand: boolean;
    readonly publicUrl: string | null;
  };
  readonly programVersion: string;
};

export type ChannelSenderOptions = {
  readonly settings: SenderSettings;
  readonly now: () => Date;
  readonly signal: AbortSignal;
};

/** Longer than that nobody is waited for, from the name service to the answer. */
const sendTimeoutMs = 30_000;

/** Sends one message through one channel. Never rejects; what the other side answers comes without the channel's secrets. */
export function channelSender(
  options: ChannelSenderOptions,
): (channel: StoredChannel, message: Message) => Promise<SendResult> {
  const { settings, now } = options;
  return async (channel, message) => {
    let secrets: Secrets = {};
    const timeout = AbortSignal.timeout(sendTimeoutMs);
    const signal = AbortSignal.any([options.signal, timeout]);
    try {
      const { fields, send } = channelKind(channel.kind);
      if (channel.secrets !== null)
        secrets = decryptSecrets(await readKey(settings.home), channel.name, channel.secrets);
      const guard = addressGuard(settings.notification.allowPrivateAddresses);
      const result = await send(message, joinValues(fields, { config: channel.config, secrets }), {
        http: httpSender(guard, `backup-awareness/${settings.programVersion}`, signal),
        guard,
        allowCommand: settings.notification.allowCommand,
        hostFqdn: settings.fqdn,
        now,
        signal,
      });
      return cleaned(result, secrets);
    } catch (error) {
      if (timeout.aborted && !options.signal.aborted)
        return { outcome: "temporary", answer: `no answer within ${sendTimeoutMs / 1000} s` };
      return cleaned(resultOfError(error), secrets);
    }
  };
}

function cleaned(result: SendResult, secrets: Secrets): SendResult {
  const answer = withoutSecrets(result.answer, secrets);
  return result.fault === undefined
    ? { ...result, answer }
    : { ...result, answer, fault: withoutSecrets(result.fault, secrets) };
}
