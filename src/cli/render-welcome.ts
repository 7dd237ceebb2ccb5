import type { EngineState, Status } from "../contract/state.ts";
import type { Settings } from "../settings/settings.ts";
import type { Output } from "./command-context.ts";
import { printable } from "../contract/printable.ts";
import { tellMomentAndAge } from "../contract/tell-time.ts";

export type WelcomeInput = {
  readonly status: Status;
  readonly healthUrl: string;
  readonly settings: Pick<Settings, "home" | "protectsOnlyItself" | "configFile">;
  /** Put before each command: "npx " in a checkout. */
  readonly prefix: string;
  readonly now: Date;
  readonly paint: Output["paint"];
};

/** What a person who has just started the daemon on his terminal wants to know: how things are, and what to do next. */
export function renderWelcome({ status, healthUrl, settings, prefix, now, paint }: WelcomeInput): string {
  const engine = status.engines.find(({ fqdn }) => fqdn === status.fqdn);
  const since = engine === undefined ? "" : ` since ${tellMomentAndAge(engine.since, now)}`;
  const state = engine === undefined ? "not known" : tellState(engine.state, paint);
  const commands = nextCommands(prefix);
  const width = Math.max(...commands.map(([command]) => command.length));
  const lines = [
    "",
    `${paint("bold", "Backup Awareness is running.")} Engine ${paint("bold", printable(status.fqdn))}: ${state}${since}.`,
    ...(settings.protectsOnlyItself ? [protectsOnlyItself(settings, paint)] : []),
    "",
    "In another terminal:",
    ...commands.map(([command, meaning]) => `  ${paint("bold", command.padEnd(width))}  ${meaning}`),
    "",
    `Health: ${healthUrl}    Home: ${settings.home}    Ctrl-C stops it.`,
    "",
  ];
  return `${lines.join("\n")}\n`;
}

/** What to do once the daemon runs, each with its meaning. `prefix` is put before each command. */
export function nextCommands(prefix: string): readonly (readonly [command: string, meaning: string])[] {
  return [
    [`${prefix}backup-awareness status`, "how every engine is"],
    [`${prefix}engine-backup --mode=backup`, "make a full backup; the warning goes when it is done"],
    [`${prefix}backup-awareness doctor`, "what would make tonight's backup fail"],
    [`${prefix}backup-awareness service install`, "run this at every boot, and a backup every night"],
  ];
}

function tellState(state: EngineState, paint: Output["paint"]): string {
  switch (state) {
    case "no_full_backup":
      return paint(["bold", "red"], "no full backup");
    case "stale":
      return paint(["bold", "yellow"], "its full backup is stale");
    case "fresh":
      return paint(["bold", "green"], "its full backup is fresh");
    case "disabled":
      return paint(["bold", "yellow"], "checks are disabled");
    default:
      return state satisfies never;
  }
}

function protectsOnlyItself(settings: WelcomeInput["settings"], paint: Output["paint"]): string {
  const file = settings.configFile ?? `${settings.home}/config.toml`;
  return `${paint("yellow", "Only Backup Awareness itself is protected:")} name the application's database and files in ${file} ([scopes.db] url, [scopes.files] paths).`;
}
