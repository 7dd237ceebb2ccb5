import { BackupAwarenessError } from "../../contract/errors.ts";
import { nearestWord } from "../../settings/nearest-word.ts";
import type { ChannelKind } from "../channel-kind.ts";
import { alertmanager } from "./alertmanager/alertmanager.ts";
import { command } from "./command/command.ts";
import { email } from "./email/email.ts";
import { slack } from "./slack/slack.ts";
import { snmp } from "./snmp/snmp.ts";
import { syslog } from "./syslog/syslog.ts";
import { teams } from "./teams/teams.ts";
import { discord } from "./discord/discord.ts";
import { mattermost } from "./mattermost/mattermost.ts";
import { telegram } from "./telegram/telegram.ts";
import { ntfy } from "./ntfy/ntfy.ts";
import { gotify } from "./gotify/gotify.ts";
import { pushover } from "./pushover/pushover.ts";
import { pagerduty } from "./pagerduty/pagerduty.ts";
import { opsgenie } from "./opsgenie/opsgenie.ts";
import { webhook } from "./webhook/webhook.ts";

/** Every kind of channel, in the order of the documentation. */
export const channelKinds: readonly ChannelKind[] = [
  email,
  webhook,
  slack,
  teams,
  discord,
  mattermost,
  telegram,
  ntfy,
  gotify,
  pushover,
  pagerduty,
  opsgenie,
  alertmanager,
  snmp,
  syslog,
  command,
];

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
