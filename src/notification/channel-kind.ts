import type { AddressGuard } from "./address-guard.ts";
import type { ChannelField, ChannelValues } from "./channel-values.ts";
import type { SendHttp } from "./http-request.ts";
import type { Message } from "./message.ts";
import type { SendResult } from "./send-result.ts";

/** What a channel may use to send. Everything ends when `signal` aborts. */
export type SendMeans = {
  readonly http: SendHttp;
  readonly guard: AddressGuard;
  /** Whether the settings file allows to run local commands. */
  readonly allowCommand: boolean;
  /** The host that sends. */
  readonly hostFqdn: string;
  readonly now: () => Date;
  readonly signal: AbortSignal;
};

/** A kind of channel: everything that is particular to it, in one folder of its own. */
export type ChannelKind = {
  readonly kind: string;
  /** As people call it. */
  readonly title: string;
  /** What can be set; secrets among them are kept encrypted. */
  readonly fields: readonly ChannelField[];
  /**
   * list: what waits becomes one message with a list. single: each alert is a message, an incident, of its own, unless more than ten wait.
   */
  readonly grouping: "list" | "single";
  /** How many are listed at most, where the other side keeps account of each; otherwise a thousand, and the number of the others. */
  readonly longestList?: number;
  /** What is wrong with values that are each right by themselves; null: nothing. */
  readonly faultOf?: (values: ChannelValues) => string | null;
  /** Sends one message. May reject: then it counts as refused for now. */
  readonly send: (message: Message, values: ChannelValues, means: SendMeans) => Promise<SendResult>;
};
