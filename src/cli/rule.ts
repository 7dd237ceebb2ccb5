import { type Command, InvalidArgumentError, Option } from "commander";
import { type EventType, eventTypes, type Severity, severities } from "../contract/event.ts";
import {
  addNotificationRule,
  readNotificationRules,
  removeNotificationRule,
  type StoredRule,
} from "../database/notification-rules.ts";
import { nearestWord } from "../settings/nearest-word.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { wholeNumber } from "./parse-whole-number.ts";
import { printJson } from "./print-json.ts";
import { renderTable } from "./render-table.ts";
import { withDatabase } from "./with-database.ts";

type RuleOptions = {
  readonly channel: string;
  readonly engine?: readonly string[];
  readonly type?: readonly EventType[];
  readonly severity?: Severity;
  readonly remindHours?: number;
  readonly afterHours?: number;
};

/** `backup-awareness rule add|list|remove`. */
export function addRuleCommand(program: Command, context: CommandContext): void {
  const rule = program
    .command("rule")
    .summary("which channel hears of what: add, list, remove rules")
    .description(
      "Rules say which channel hears of which engines and events. Whoever heard of an alert also hears of its end.",
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness rule add --channel ops", "warnings, errors and alerts of all engines"],
        [
          "backup-awareness rule add --channel pager --engine '*.prod.example.com' --severity alert --after-hours 4",
          "escalation: alerts of some engines that are open after four hours",
        ],
      ),
    );
  rule
    .command("add")
    .summary("let a channel hear of something")
    .description("Lets a channel hear of events. Alerts that are open already are told at once.")
    .requiredOption("--channel <name>", "the channel's name")
    .option(
      "--engine <pattern>",
      "only engines of this name; * is any text, ? any character; repeat it for several",
      collectPattern,
    )
    .option("--type <type>", "only events of this type, whatever their severity; repeat it for several", collectType)
    .addOption(
      new Option(
        "--severity <severity>",
        "only events that are as severe (default: warning, or any with --type)",
      ).choices(Object.keys(severities)),
    )
    .option(
      "--remind-hours <hours>",
      "tell it again so often while an alert is open and not dismissed",
      wholeNumber(1, 8760),
    )
    .option(
      "--after-hours <hours>",
      "tell only of alerts that are open and not dismissed after so long",
      wholeNumber(1, 8760),
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness rule add --channel ops --remind-hours 24", "every warning, and again every day"],
        ["backup-awareness rule add --channel log --severity normal", "everything that happens"],
      ),
    )
    .action(async (options: RuleOptions) => {
      const id = await withDatabase(context, ({ pool }) =>
        addNotificationRule(
          pool,
          {
            channel: options.channel,
            engines: (options.engine ?? []).map((pattern) => pattern.toLowerCase()),
            types: options.type ?? [],
            minimumSeverity: options.severity ?? (options.type === undefined ? "warning" : "normal"),
            reminderHours: options.remindHours ?? null,
            afterHours: options.afterHours ?? null,
          },
          context.actor,
        ),
      );
      context.stderr.write(`rule ${id} is added\n`);
    });
  rule
    .command("list")
    .summary("list the rules")
    .description("Lists the rules by channel.")
    .option("--json", "print them as JSON")
    .addHelpText("after", examples(["backup-awareness rule list", "all of them"]))
    .action(async (options: { json?: true }) => {
      const rules = await withDatabase(context, ({ pool }) => readNotificationRules(pool));
      if (options.json) printJson(context.stdout, rules.map(ruleAsJson));
      else if (rules.length === 0) context.stderr.write("there is no rule: no channel hears of anything\n");
      else {
        context.stdout.write(
          renderTable(
            ["RULE", "CHANNEL", "ENGINES", "TYPES", "SEVERITY", "REMIND", "AFTER"],
            rules.map((each) => [
              String(each.id),
              each.channel,
              each.engines.join(" ") || "all",
              each.types.join(" ") || "all",
              `${each.minimumSeverity} or worse`,
              each.reminderHours === null ? "never" : `every ${each.reminderHours} h`,
              each.afterHours === null ? "at once" : `${each.afterHours} h`,
            ]),
          ),
        );
      }
    });
  rule
    .command("remove")
    .summary("remove a rule")
    .description("Removes a rule. What it has queued is still sent.")
    .argument("<id>", "the rule's number", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .addHelpText("after", examples(["backup-awareness rule remove 3", "the rule 3"]))
    .action(async (id: number) => {
      await withDatabase(context, ({ pool }) => removeNotificationRule(pool, id, context.actor));
      context.stderr.write(`rule ${id} is removed\n`);
    });
}

function collectPattern(text: string, former: readonly string[] | undefined): readonly string[] {
  return [...(former ?? []), text];
}

function collectType(text: string, former: readonly EventType[] | undefined): readonly EventType[] {
  const type = text.toUpperCase();
  if (Object.hasOwn(eventTypes, type)) return [...(former ?? []), type as EventType];
  const meant = nearestWord(type, Object.keys(eventTypes));
  throw new InvalidArgumentError(
    meant === null ? "There is no such type; docs/events.md lists them." : `Did you mean ${meant}?`,
  );
}

function ruleAsJson(rule: StoredRule) {
  return {
    id: rule.id,
    channel: rule.channel,
    engines: rule.engines,
    types: rule.types,
    minimum_severity: rule.minimumSeverity,
    reminder_hours: rule.reminderHours,
    after_hours: rule.afterHours,
    added_at: rule.addedAt.toISOString(),
    added_by: rule.addedBy,
  };
}
