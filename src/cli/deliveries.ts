import { type Command, Option } from "commander";
import {
  deliveryOutcomes,
  type DeliveryOutcome,
  notificationStates,
  type NotificationState,
} from "../contract/notification.ts";
import { tellMoment } from "../contract/tell-time.ts";
import { type Delivery, readDeliveries } from "../database/deliveries.ts";
import { type Notification, readNotifications } from "../database/notifications.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { wholeNumber } from "./parse-whole-number.ts";
import { printJson } from "./print-json.ts";
import { renderTable } from "./render-table.ts";
import { withDatabase } from "./with-database.ts";

const defaultLimit = 50;
const largestLimit = 100_000;

/** `backup-awareness deliveries`: every try to tell something. */
export function addDeliveriesCommand(program: Command, context: CommandContext): void {
  program
    .command("deliveries")
    .summary("every try to notify: when, by which channel, what was answered")
    .description(
      "Shows the newest tries to deliver a message, the newest first: when, by which channel, which try, and what the other side answered.",
    )
    .option("--channel <name>", "only of this channel")
    .addOption(new Option("--outcome <outcome>", "only those that ended so").choices(deliveryOutcomes))
    .option("--limit <number>", "at most so many", wholeNumber(1, largestLimit), defaultLimit)
    .option("--json", "print them as JSON")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness deliveries", "did it go out?"],
        ["backup-awareness deliveries --channel ops --outcome permanent", "what was refused"],
      ),
    )
    .action(async (options: { channel?: string; outcome?: DeliveryOutcome; limit: number; json?: true }) => {
      const { json, ...filter } = options;
      const deliveries = await withDatabase(context, ({ pool }) => readDeliveries(pool, filter));
      if (json) printJson(context.stdout, deliveries.map(deliveryAsJson));
      else if (deliveries.length === 0) context.stderr.write("no such delivery\n");
      else {
        context.stdout.write(
          renderTable(
            ["DELIVERY", "BEGUN", "CHANNEL", "KIND", "OF", "TRY", "OUTCOME", "ANSWER"],
            deliveries.map((each) => [
              String(each.id),
              tellMoment(each.begunAt),
              each.channel,
              each.kind,
              each.notifications === 1 ? (each.engines[0] ?? "1") : String(each.notifications),
              String(each.try),
              each.outcome ?? "under way",
              each.answer ?? "",
            ]),
          ),
        );
      }
    });
}

/** `backup-awareness notifications`: what waits, and what became of the rest. */
export function addNotificationsCommand(program: Command, context: CommandContext): void {
  program
    .command("notifications")
    .summary("what channels are to be told, and what became of it")
    .description(
      "Shows the newest notifications, the newest first: what each channel is to be told, whether it waits, and what became of it.",
    )
    .option("--channel <name>", "only of this channel")
    .addOption(new Option("--state <state>", "only those in this state").choices(notificationStates))
    .option("--alert <number>", "only of this alert", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("--limit <number>", "at most so many", wholeNumber(1, largestLimit), defaultLimit)
    .option("--json", "print them as JSON")
    .addHelpText("after", examples(["backup-awareness notifications --state queued", "what waits to be sent"]))
    .action(
      async (options: { channel?: string; state?: NotificationState; alert?: number; limit: number; json?: true }) => {
        const { json, alert, ...filter } = options;
        const notifications = await withDatabase(context, ({ pool }) =>
          readNotifications(pool, { ...filter, ...(alert === undefined ? {} : { alertId: alert }) }),
        );
        if (json) printJson(context.stdout, notifications.map(notificationAsJson));
        else if (notifications.length === 0) context.stderr.write("no such notification\n");
        else {
          context.stdout.write(
            renderTable(
              ["NUMBER", "CHANNEL", "KIND", "TYPE", "ENGINE", "STATE", "DUE", "TRIES", "DELIVERY"],
              notifications.map((each) => [
                String(each.id),
                each.channel,
                each.kind,
                each.type ?? "",
                each.fqdn ?? "",
                each.state,
                tellMoment(each.heldUntil ?? each.dueAt),
                String(each.tries),
                String(each.deliveryId ?? ""),
              ]),
            ),
          );
        }
      },
    );
}

function deliveryAsJson(delivery: Delivery) {
  return {
    id: delivery.id,
    channel: delivery.channel,
    kind: delivery.kind,
    notifications: delivery.notifications,
    engines: delivery.engines,
    try: delivery.try,
    begun_at: delivery.begunAt.toISOString(),
    ended_at: delivery.endedAt?.toISOString() ?? null,
    outcome: delivery.outcome,
    answer: delivery.answer,
  };
}

function notificationAsJson(notification: Notification) {
  return {
    id: notification.id,
    channel: notification.channel,
    kind: notification.kind,
    type: notification.type,
    engine: notification.fqdn,
    alert_id: notification.alertId,
    state: notification.state,
    queued_at: notification.queuedAt.toISOString(),
    due_at: notification.dueAt.toISOString(),
    held_until: notification.heldUntil?.toISOString() ?? null,
    tries: notification.tries,
    delivery_id: notification.deliveryId,
  };
}
