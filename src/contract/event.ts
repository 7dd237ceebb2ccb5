/** Severities of oVirt's audit log. */
export const severities = { normal: 0, warning: 1, error: 2, alert: 10 } as const;
export type Severity = keyof typeof severities;

/** Every kind of event: its code never changes, since auditors and SNMP receivers filter by it. */
export const eventTypes = {
  ENGINE_NO_FULL_BACKUP: { code: 9022, severity: "alert" },
  ENGINE_NO_WARM_BACKUP: { code: 9023, severity: "alert" },
  ENGINE_BACKUP_STARTED: { code: 9024, severity: "normal" },
  ENGINE_BACKUP_COMPLETED: { code: 9025, severity: "normal" },
  ENGINE_BACKUP_FAILED: { code: 9026, severity: "error" },
  ENGINE_BACKUP_STALLED: { code: 9100, severity: "warning" },
  ENGINE_FULL_BACKUP_AVAILABLE: { code: 9101, severity: "normal" },
  BACKUP_AWARENESS_DISABLED: { code: 9102, severity: "warning" },
  BACKUP_AWARENESS_ENABLED: { code: 9103, severity: "normal" },
  ENGINE_ALERT_CLEARED: { code: 9104, severity: "normal" },
  ENGINE_ALERT_DISMISSED: { code: 9105, severity: "normal" },
  OPTION_CHANGED: { code: 9106, severity: "normal" },
  ENGINE_ADDED: { code: 9107, severity: "normal" },
  ENGINE_CHANGED: { code: 9108, severity: "normal" },
  ENGINE_REMOVED: { code: 9109, severity: "normal" },
  ENGINE_BACKUP_INCOMPLETE: { code: 9110, severity: "error" },
  ENGINE_BACKUP_OUTCOME_UNKNOWN: { code: 9111, severity: "warning" },
  REPORT_REFUSED: { code: 9112, severity: "warning" },
  ARCHIVE_VERIFIED: { code: 9123, severity: "normal" },
  ARCHIVE_NOT_VERIFIED: { code: 9124, severity: "error" },
  ARCHIVES_REMOVED: { code: 9125, severity: "normal" },
  CHANNEL_FAILING: { code: 9150, severity: "error" },
  NOTIFICATION_LOST: { code: 9151, severity: "error" },
  CHANNEL_ADDED: { code: 9152, severity: "normal" },
  CHANNEL_CHANGED: { code: 9153, severity: "normal" },
  CHANNEL_REMOVED: { code: 9154, severity: "normal" },
  NOTIFICATION_RULE_ADDED: { code: 9155, severity: "normal" },
  NOTIFICATION_RULE_REMOVED: { code: 9156, severity: "normal" },
  MAINTENANCE_WINDOW_ADDED: { code: 9157, severity: "normal" },
  MAINTENANCE_WINDOW_REMOVED: { code: 9158, severity: "normal" },
  TOKEN_CREATED: { code: 9137, severity: "normal" },
  TOKEN_REVOKED: { code: 9138, severity: "normal" },
  ENGINE_RESTORE_STARTED: { code: 9126, severity: "warning" },
  ENGINE_RESTORE_COMPLETED: { code: 9127, severity: "warning" },
  ENGINE_RESTORE_FAILED: { code: 9128, severity: "error" },
  ENGINE_IMPORT_FAILED: { code: 9180, severity: "error" },
  ENGINE_REPOSITORY_STANDS_STILL: { code: 9181, severity: "warning" },
  ENGINE_BACKUP_NOT_LISTED: { code: 9182, severity: "alert" },
  ENGINE_BACKUP_GONE: { code: 9183, severity: "alert" },
  ENGINE_BACKUP_UNREPORTED: { code: 9184, severity: "warning" },
  BACKUPS_LISTED: { code: 9186, severity: "normal" },
  IMPORTER_REMOVED: { code: 9187, severity: "normal" },
  ENGINE_BACKUP_LOGGED: { code: 9188, severity: "normal" },
} as const satisfies Record<string, { code: number; severity: Severity }>;

export type EventType = keyof typeof eventTypes;

/** The event types that are raised as alerts and stay open until their cause is gone. */
export const alertTypes = [
  "ENGINE_NO_FULL_BACKUP",
  "ENGINE_NO_WARM_BACKUP",
  "ENGINE_BACKUP_STALLED",
  "CHANNEL_FAILING",
  "ENGINE_IMPORT_FAILED",
  "ENGINE_REPOSITORY_STANDS_STILL",
  "ENGINE_BACKUP_NOT_LISTED",
  "ENGINE_BACKUP_GONE",
  "ENGINE_BACKUP_UNREPORTED",
] as const;
export type AlertType = (typeof alertTypes)[number];
