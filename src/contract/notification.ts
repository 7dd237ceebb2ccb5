/** What a channel is told: of an alert raised, of one that is still open, of another event, of an alert cleared. `test`: somebody tries it. */
export const messageKinds = ["raised", "reminder", "event", "cleared", "test"] as const;
export type MessageKind = (typeof messageKinds)[number];

/**
 * How a try ended. temporary: refused for now, and tried again; permanent: refused for good; interrupted: the daemon was killed, and nobody
 * knows.
 */
export const deliveryOutcomes = ["accepted", "temporary", "permanent", "interrupted"] as const;
export type DeliveryOutcome = (typeof deliveryOutcomes)[number];

/** What became of one notification of one channel. withdrawn: not to be told any more. failed: given up. */
export const notificationStates = ["queued", "sending", "accepted", "withdrawn", "failed"] as const;
export type NotificationState = (typeof notificationStates)[number];

/** Names of channels. The same rule stands in sql/procedures/channels_sp.sql. */
export const channelNamePattern = /^[a-z][a-z0-9_-]{0,63}$/;
