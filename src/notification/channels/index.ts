import { BackupAwarenessError } from "../../contract/errors.ts";
import { nearestWord } from "../../settings/nearest-word.ts";
import type { ChannelKind } from "../channel-kind.ts";
import { command } from "./command/command.ts";
import { email } from "./email/email.ts";
import { webhook } from "./webhook/webhook.ts";

/** Every kind of channel, in the order of the documentation. */
export const channelKinds: readonly ChannelKind[] = [email, webhook, command];

/** The kind of that name. @throws CHANNEL_INVALID */
export function channelKind(name: string): ChannelKind {
  const found = channelKinds.find(({ kind }) => kind === name);
  if (found) return found;
  const names = channelKinds.map(({ kind }) => kind);
  const meant = nearestWord(name, names);
  throw new BackupAwarenessError("CHANNEL_INVALID", `there is no kind of channel ${JSON.stringify(name)}`, {
    hint: meant === null ? `there are: ${names.join(", ")}` : `did you mean ${meant}?`,
  });
}
