import { BackupAwarenessError } from "../contract/errors.ts";

/** What the service's files are made from. Paths are absolute. */
export type ServicePlan = {
  /** The folder with the launchers `backup-awareness` and `engine-backup`. */
  readonly binDirectory: string;
  readonly home: string;
  readonly configFile: string | null;
  /** Where the programs are found that the launchers need, Node first. */
  readonly path: string;
  /** `system`: root's, at every boot. `user`: somebody's own, while he is logged in, or always where he lingers. */
  readonly manager: "system" | "user";
};

export type UnitFile = { readonly name: string; readonly text: string };

export const daemonUnit = "backup-awareness.service";
export const backupUnit = "engine-backup.service";
export const backupTimer = "engine-backup.timer";

/** When the nightly backup begins; units spread it over half an hour, so that a fleet does not begin at once. */
const nightly = { hour: 1, minute: 30 };

/** The systemd units of the daemon and of the nightly backup. Throws SETTINGS_INVALID where a path cannot stand in a unit. */
export function systemdUnits(plan: ServicePlan): readonly UnitFile[] {
  demandPlain(plan);
  return [
    { name: daemonUnit, text: daemonText(plan) },
    { name: backupUnit, text: backupText(plan) },
    { name: backupTimer, text: timerText() },
  ];
}

function daemonText(plan: ServicePlan): string {
  const system = plan.manager === "system";
  return unitText([
    "# Made by `backup-awareness service install`, which replaces it; your own changes belong into",
    `# \`systemctl ${system ? "" : "--user "}edit ${daemonUnit}\`.`,
    "[Unit]",
    "Description=Backup Awareness: warns while there is no full and fresh backup",
    ...(system ? ["Wants=network-online.target", "After=network-online.target postgresql.service"] : []),
    "# It is never given up: who watches the backups must be there.",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=notify",
    "# It speaks to systemd through systemd-notify, a process of its own.",
    "NotifyAccess=all",
    `ExecStart=${execWord(`${plan.binDirectory}/backup-awareness`)} start`,
    ...environmentLines(plan),
    "Restart=always",
    "RestartSec=5",
    "# A first start makes a database; an upgrade may have much to migrate.",
    "TimeoutStartSec=15min",
    "WatchdogSec=60",
    "# The daemon stops its embedded PostgreSQL itself, in order; what is left after that is killed.",
    "KillMode=mixed",
    "TimeoutStopSec=45",
    "UMask=0077",
    ...(system ? hardening(plan) : ["NoNewPrivileges=yes"]),
    "",
    "[Install]",
    `WantedBy=${system ? "multi-user.target" : "default.target"}`,
  ]);
}

function backupText(plan: ServicePlan): string {
  return unitText([
    "# Made by `backup-awareness service install`.",
    "[Unit]",
    "Description=engine-backup: a full backup, reported to Backup Awareness",
    `Wants=${daemonUnit}`,
    `After=${daemonUnit}`,
    "",
    "[Service]",
    "Type=oneshot",
    `ExecStart=${execWord(`${plan.binDirectory}/engine-backup`)} --mode=backup`,
    ...environmentLines(plan),
    "# A backup must not slow the application down.",
    "Nice=10",
    "IOSchedulingPriority=7",
    "# It ends pg_dump itself, and reports what became of it.",
    "KillMode=mixed",
    "TimeoutStopSec=60",
    "UMask=0077",
  ]);
}

function timerText(): string {
  return unitText([
    "# Made by `backup-awareness service install`.",
    "[Unit]",
    "Description=A full backup every night",
    "",
    "[Timer]",
    `OnCalendar=*-*-* ${twoDigits(nightly.hour)}:${twoDigits(nightly.minute)}:00`,
    "RandomizedDelaySec=30min",
    "# A machine that was off at night makes it up.",
    "Persistent=true",
    "",
    "[Install]",
    "WantedBy=timers.target",
  ]);
}

/**
 * What can be taken from the daemon without breaking it: the embedded server is started as another user (so that capabilities stay), V8 and
 * PostgreSQL compile at run time (so that memory may be executable), and archives may be anywhere.
 */
function hardening(plan: ServicePlan): readonly string[] {
  const inHomes = [plan.binDirectory, plan.home, plan.configFile ?? "/"].some((path) =>
    /^\/(home|root|run\/user)(\/|$)/.test(path),
  );
  return [
    "NoNewPrivileges=yes",
    "ProtectSystem=full",
    ...(inHomes ? [] : ["ProtectHome=read-only"]),
    "PrivateTmp=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectControlGroups=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
  ];
}

function environmentLines(plan: ServicePlan): readonly string[] {
  return Object.entries(environmentOf(plan)).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`);
}

/** Settings without secrets; everything else belongs into config.toml. */
function environmentOf(plan: ServicePlan): Readonly<Record<string, string>> {
  return {
    PATH: plan.path,
    BACKUP_AWARENESS_HOME: plan.home,
    ...(plan.configFile === null ? {} : { BACKUP_AWARENESS_CONFIG: plan.configFile }),
  };
}

/** A word of ExecStart=: quoted, and neither "%" nor "$" mean anything in it. */
function execWord(text: string): string {
  return quoted(text).replaceAll("$", "$$$$");
}

function quoted(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
  return `"${escaped}"`;
}

/** For a machine without systemd: the lines of a crontab (`crontab -e`). Throws SETTINGS_INVALID as above. */
export function cronLines(plan: ServicePlan): readonly string[] {
  demandPlain(plan);
  const environment = Object.entries(environmentOf(plan))
    .map(([name, value]) => `${name}=${shellWord(value)}`)
    .join(" ");
  const command = (name: string, words: string): string =>
    `${environment} ${shellWord(`${plan.binDirectory}/${name}`)} ${words}`;
  const logs = shellWord(`${plan.home}/log`);
  return [
    `@reboot ${cronCommand(`umask 077; mkdir -p ${logs} && ${command("backup-awareness", "start")} >>${logs}/daemon.log 2>&1`)}`,
    // cron mails what a job prints: only what went wrong.
    `${nightly.minute} ${nightly.hour} * * * ${cronCommand(`${command("engine-backup", "--mode=backup")} >/dev/null`)}`,
  ];
}

function shellWord(text: string): string {
  return /^[\w@+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** cron takes "%" for the end of the line. */
function cronCommand(text: string): string {
  return text.replaceAll("%", String.raw`\%`);
}

function demandPlain(plan: ServicePlan): void {
  for (const path of [plan.binDirectory, plan.home, plan.configFile ?? "", plan.path]) {
    if (!/\p{Cc}/u.test(path)) continue;
    throw new BackupAwarenessError(
      "SETTINGS_INVALID",
      `${JSON.stringify(path)} holds a control character, which no unit and no crontab can hold`,
      {
        hint: "give that directory another name",
      },
    );
  }
}

function unitText(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
