import type { TaskList } from "graphile-worker";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { readStoredChannel } from "../database/channels.ts";
import { beginDelivery, type DeliveryEnd, finishDelivery } from "../database/deliveries.ts";
import { channelSender, type SenderSettings } from "./channel-sender.ts";
import { channelKind } from "./channels/index.ts";
import { readMessage } from "./read-message.ts";
import { retryPauseMs } from "./retry-pause.ts";

export type NotificationTasksOptions = {
  readonly pool: Pool;
  readonly logger: Logger;
  readonly settings: SenderSettings;
  readonly now: () => Date;
  /** Aborted when the daemon stops: what is under way is cut off and tried again by the next one. */
  readonly signal: AbortSignal;
};

/** The job of notifications: sends what waits for one channel. */
export function notificationTasks(options: NotificationTasksOptions): TaskList {
  return {
    send_notifications: async (payload, { job }) => {
      await sendWaiting(options, channelIdOf(payload), Number(job.id));
    },
  };
}

/**
 * Sends what waits for a channel, message after message. Rejects when it is cut off: the job then runs again, and takes the try that it had begun
 * for interrupted.
 */
async function sendWaiting(options: NotificationTasksOptions, channelId: number, jobId: number): Promise<void> {
  const { pool, logger, settings, signal, now } = options;
  for (;;) {
    signal.throwIfAborted();
    const delivery = await beginDelivery(pool, channelId, jobId);
    if (delivery === null) return;
    const channel = await readStoredChannel(pool, channelId);
    if (channel === null) continue; // removed in this moment: there will be nothing left to send
    const { longestList } = channelKind(channel.kind);
    const message = await readMessage(pool, delivery, { settings, now: now(), longestList });
    const result = await channelSender({ settings, now, signal })(channel, message);
    signal.throwIfAborted();
    const end: DeliveryEnd = {
      outcome: result.outcome,
      answer: result.answer,
      fault: result.fault ?? null,
      pauseMs: retryPauseMs(channel.failures, result.retryAfterMs ?? null),
    };
    await finishDelivery(pool, delivery.id, end);
    const details = { channel: channel.name, delivery: delivery.id, try: delivery.try, answer: result.answer };
    if (result.outcome === "accepted") logger.info(details, `channel ${channel.name}: ${message.title}`);
    else if (channel.failures === 0) logger.warn(details, `channel ${channel.name} does not deliver: ${result.answer}`);
    else logger.debug(details, `channel ${channel.name} still does not deliver`);
  }
}

function channelIdOf(payload: unknown): number {
  if (
    typeof payload === "object" &&
    payload !== null &&
    "channel_id" in payload &&
    typeof payload.channel_id === "number"
  )
    return payload.channel_id;
  throw new Error("a job send_notifications names no channel");
}
