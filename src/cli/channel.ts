import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { type Command, InvalidArgumentError } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { tellMoment } from "../contract/tell-time.ts";
import { type Channel, readChannels, removeChannel } from "../database/channels.ts";
import { addChannel, setChannel, testChannel } from "../notification/change-channel.ts";
import type { ChannelKind } from "../notification/channel-kind.ts";
import { channelKind, channelKinds } from "../notification/channels/index.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { renderTable } from "./render-table.ts";
import { withDatabase } from "./with-database.ts";

type Given = ReadonlyMap<string, readonly string[]>;
type ValueOptions = { readonly set?: Given; readonly secret?: Given };

const setHelp = "a value, as host=mail.example.com; repeat it for each, and for each item of a list";
const secretHelp =
  "a secret, as password=FILE, the file that holds it, or - for stdin: never on a command line, which others can see";

/** `backup-awareness channel add|set|list|test|remove|kinds`. */
export function addChannelCommand(program: Command, context: CommandContext): void {
  const channel = program
    .command("channel")
    .summary("the ways by which notifications leave: add, try, list, remove them")
    .description(
      "The ways by which notifications leave: e-mail, webhook and others. A channel hears of what rules say: see `backup-awareness rule`.",
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness channel kinds email", "what can be set of an e-mail channel"],
        [
          "backup-awareness channel add ops --kind email --set host=mail.example.com --set from=ba@example.com --set to=ops@example.com",
          "add one",
        ],
        ["backup-awareness channel test ops", "send a test, and see the answer"],
        ["backup-awareness rule add --channel ops", "let it hear of every warning"],
      ),
    );
  addAddCommand(channel, context);
  addSetCommand(channel, context);
  addListCommand(channel, context);
  addTestCommand(channel, context);
  addRemoveCommand(channel, context);
  addKindsCommand(channel, context);
}

function addAddCommand(channel: Command, context: CommandContext): void {
  channel
    .command("add")
    .summary("add a channel")
    .description(
      "Adds a channel. Its secrets are encrypted with a key in the home, outside the database, and never shown again.",
    )
    .argument("<name>", "its name: small letters, digits, _ and -")
    .requiredOption("--kind <kind>", `what it is: ${channelKinds.map(({ kind }) => kind).join(", ")}`)
    .option("--set <name=value>", setHelp, collectPair)
    .option("--secret <name=file>", secretHelp, collectPair)
    .addHelpText(
      "after",
      examples(
        [
          "backup-awareness channel add hook --kind webhook --secret url=/root/hook-url",
          "a webhook whose address is in a file",
        ],
        ["backup-awareness channel add hook --kind webhook --secret url=-", "the same, from stdin"],
      ),
    )
    .action(async (name: string, options: ValueOptions & { kind: string }) => {
      const kind = channelKind(options.kind);
      const given = await valuesOf(kind, options);
      await withDatabase(context, async ({ pool }, { home }) => {
        await addChannel({ pool, home, actor: context.actor, name, given }, kind.kind);
      });
      context.stderr.write(`channel ${name} is added; try it: backup-awareness channel test ${name}\n`);
    });
}

function addSetCommand(channel: Command, context: CommandContext): void {
  channel
    .command("set")
    .summary("give a channel other values")
    .description(
      "Gives a channel other values, all of them: what is not given falls back, and secrets have to be given again.",
    )
    .argument("<name>", "the channel's name")
    .option("--set <name=value>", setHelp, collectPair)
    .option("--secret <name=file>", secretHelp, collectPair)
    .addHelpText(
      "after",
      examples(["backup-awareness channel set hook --secret url=/root/new-hook-url", "another address"]),
    )
    .action(async (name: string, options: ValueOptions) => {
      await withDatabase(context, async ({ pool }, { home }) => {
        const stored = (await readChannels(pool)).find((each) => each.name === name);
        if (stored === undefined)
          throw new BackupAwarenessError("CHANNEL_UNKNOWN", `there is no channel ${JSON.stringify(name)}`, {
            hint: "`backup-awareness channel list` shows them",
          });
        const given = await valuesOf(channelKind(stored.kind), options);
        await setChannel({ pool, home, actor: context.actor, name, given });
      });
      context.stderr.write(`channel ${name} is changed\n`);
    });
}

function addListCommand(channel: Command, context: CommandContext): void {
  channel
    .command("list")
    .summary("list the channels, and whether they deliver")
    .description(
      "Lists the channels with what is set of them, but for their secrets, and whether their messages are accepted.",
    )
    .option("--json", "print them as JSON")
    .addHelpText("after", examples(["backup-awareness channel list", "all of them"]))
    .action(async (options: { json?: true }) => {
      const channels = await withDatabase(context, ({ pool }) => readChannels(pool));
      if (options.json) printJson(context.stdout, channels.map(channelAsJson));
      else if (channels.length === 0) context.stderr.write("there is no channel: nobody is told of a warning\n");
      else {
        context.stdout.write(
          renderTable(
            ["CHANNEL", "KIND", "STATE", "WAITING", "SET"],
            channels.map((each) => [each.name, each.kind, stateOf(each), String(each.waiting), configOf(each)]),
          ),
        );
      }
    });
}

function addTestCommand(channel: Command, context: CommandContext): void {
  channel
    .command("test")
    .summary("send a test message, and show the answer")
    .description("Sends a test message at once, from this process, and shows what the other side answers.")
    .argument("<name>", "the channel's name")
    .option("--json", "print the outcome as JSON")
    .addHelpText("after", examples(["backup-awareness channel test ops", "does it arrive?"]))
    .action(async (name: string, options: { json?: true }) => {
      const result = await withDatabase(context, ({ pool }, settings) =>
        testChannel(pool, name, {
          settings: { ...settings, programVersion: context.programVersion },
          now: () => context.now(),
          signal: context.signal,
        }),
      );
      if (options.json)
        printJson(context.stdout, { outcome: result.outcome, answer: result.answer, fault: result.fault ?? null });
      if (result.outcome !== "accepted") {
        throw new BackupAwarenessError("CHANNEL_FAILED", `channel ${name} does not deliver: ${result.answer}`, {
          hint:
            result.outcome === "temporary"
              ? "it may pass; otherwise see `backup-awareness channel list`"
              : "correct it with `backup-awareness channel set`",
        });
      }
      if (!options.json) context.stdout.write(`accepted: ${result.answer}\n`);
      if (result.fault !== undefined) context.stderr.write(`but: ${result.fault}\n`);
    });
}

function addRemoveCommand(channel: Command, context: CommandContext): void {
  channel
    .command("remove")
    .summary("remove a channel and its rules")
    .description(
      "Removes a channel, its secrets and its rules. What waits for it is never sent; its deliveries can still be seen.",
    )
    .argument("<name>", "the channel's name")
    .addHelpText("after", examples(["backup-awareness channel remove hook", "it is not needed any more"]))
    .action(async (name: string) => {
      await withDatabase(context, ({ pool }) => removeChannel(pool, name, context.actor));
      context.stderr.write(`channel ${name} is removed\n`);
    });
}

function addKindsCommand(channel: Command, context: CommandContext): void {
  channel
    .command("kinds")
    .summary("the kinds of channels, and what can be set of each")
    .description("Lists the kinds of channels; with one, what can be set of it.")
    .argument("[kind]", "one of them")
    .option("--json", "print them as JSON")
    .addHelpText("after", examples(["backup-awareness channel kinds webhook", "what can be set of a webhook"]))
    .action((name: string | undefined, options: { json?: true }) => {
      const kinds = name === undefined ? channelKinds : [channelKind(name)];
      if (options.json) printJson(context.stdout, kinds.map(kindAsJson));
      else if (name === undefined)
        context.stdout.write(
          renderTable(
            ["KIND", "WHAT IT IS"],
            kinds.map(({ kind, title }) => [kind, title]),
          ),
        );
      else {
        context.stdout.write(
          renderTable(
            ["NAME", "GIVEN BY", "DEFAULT", "MEANING"],
            kinds.flatMap(({ fields }) =>
              fields.map((field) => [
                field.name,
                field.secret ? "--secret" : "--set",
                field.fallback ?? (field.required ? "(required)" : ""),
                field.help,
              ]),
            ),
          ),
        );
      }
    });
}

/** The values of --set and what the files of --secret hold. A secret on the command line is refused: others can see it there. */
async function valuesOf(kind: ChannelKind, { set, secret }: ValueOptions): Promise<Given> {
  const given = new Map(set ?? []);
  for (const { name } of kind.fields.filter((field) => field.secret)) {
    if (given.has(name))
      throw new BackupAwarenessError("USAGE", `${name} is a secret, and a command line can be seen by others`, {
        hint: `put it into a file and give --secret ${name}=FILE, or - for stdin`,
      });
  }
  for (const [name, files] of secret ?? []) {
    const texts: string[] = [];
    for (const file of files) texts.push((await readSecret(name, file)).replace(/\r?\n$/, ""));
    given.set(name, texts);
  }
  return given;
}

async function readSecret(name: string, file: string): Promise<string> {
  if (file === "-") return readAll(process.stdin);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackupAwarenessError("CHANNEL_INVALID", `the file of the secret ${name} cannot be read: ${reason}`, {
      cause: error,
      hint: "--secret takes a file's name, or - for stdin, not the secret itself",
    });
  }
}

function collectPair(text: string, former: Given | undefined): Given {
  const [, name, value] = /^([a-z_0-9]+)=([\s\S]*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("It must be NAME=VALUE.");
  return new Map([...(former ?? []), [name, [...(former?.get(name) ?? []), value]]]);
}

function stateOf(channel: Channel): string {
  if (channel.failingSince !== null) return `failing since ${tellMoment(channel.failingSince)}: ${channel.fault ?? ""}`;
  return channel.acceptedAt === null ? "not tried yet" : `delivered ${tellMoment(channel.acceptedAt)}`;
}

function configOf({ config }: Channel): string {
  return Object.entries(config)
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((each) => `${name}=${String(each)}`))
    .join(" ");
}

function channelAsJson(channel: Channel) {
  return {
    name: channel.name,
    kind: channel.kind,
    config: channel.config,
    added_at: channel.addedAt.toISOString(),
    added_by: channel.addedBy,
    failures: channel.failures,
    failing_since: channel.failingSince?.toISOString() ?? null,
    fault: channel.fault,
    retry_at: channel.retryAt?.toISOString() ?? null,
    accepted_at: channel.acceptedAt?.toISOString() ?? null,
    waiting: channel.waiting,
  };
}

function kindAsJson({ kind, title, grouping, fields }: ChannelKind) {
  return {
    kind,
    title,
    grouping,
    fields: fields.map((field) => ({
      name: field.name,
      type: field.type,
      secret: field.secret === true,
      required: field.required === true,
      default: field.fallback ?? null,
      choices: field.choices ?? null,
      help: field.help,
    })),
  };
}
