import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import type { Command } from "commander";
import { BackupAwarenessError } from "../contract/errors.ts";
import { findDaemon } from "../database/daemon-lock.ts";
import { installService, type ServiceOptions, uninstallService } from "../server/install-service.ts";
import { backupTimer, cronLines, daemonUnit, type ServicePlan, systemdUnits } from "../server/service-units.ts";
import type { Settings } from "../settings/settings.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";

/** There exactly while systemd runs the machine (sd_booted). */
const systemdIsHere = "/run/systemd/system";
const systemUnits = "/etc/systemd/system";
/** Where Debian and its kin, and most others, have their programs. */
const usualPath = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

type InstallOptions = { readonly dryRun?: true; readonly user?: true };

/** `backup-awareness service`: the daemon at every boot and a backup every night. */
export function addServiceCommand(program: Command, context: CommandContext): void {
  const service = program
    .command("service")
    .summary("run the daemon at every boot, and a backup every night")
    .description("Installs or removes what runs the daemon at every boot, and engine-backup every night.")
    .addHelpText("after", examples(["backup-awareness service install --dry-run", "look at it first"]));
  service
    .command("install")
    .summary("install the daemon and the nightly backup, and start them")
    .description(
      "Installs systemd units for the daemon and a timer for a nightly engine-backup, and starts them: for the system as root, else for yourself. Where there is no systemd it prints lines for a crontab and changes nothing.",
    )
    .option("--dry-run", "print what would be installed, and change nothing")
    .option("--user", "for yourself (systemctl --user), even as root")
    .addHelpText(
      "after",
      examples(
        ["sudo backup-awareness service install", "for the whole machine"],
        ["backup-awareness service install --dry-run", "look at the units first"],
      ),
    )
    .action(async (options: InstallOptions) => {
      await install(context, options);
    });
  service
    .command("uninstall")
    .summary("stop and remove them; what was recorded and saved stays")
    .description("Stops the daemon and the nightly backup and removes their units; what was recorded and saved stays.")
    .option("--user", "your own (systemctl --user), even as root")
    .addHelpText("after", examples(["sudo backup-awareness service uninstall", "the system's"]))
    .action(async (options: { readonly user?: true }) => {
      demandSystemd();
      const place = serviceOptions(context, managerOf(context, options));
      await uninstallService(place);
      context.stderr.write(`${daemonUnit} and ${backupTimer} are removed from ${place.directory}.\n`);
    });
}

async function install(context: CommandContext, options: InstallOptions): Promise<void> {
  const settings = await context.loadSettings();
  const manager = managerOf(context, options);
  const plan = planOf(context, settings, manager);
  warnOfVariables(context);
  if (!existsSync(systemdIsHere) && !options.dryRun) {
    for (const line of cronLines(plan)) context.stdout.write(`${line}\n`);
    context.stderr.write(
      "There is no systemd here: put these lines into a crontab (crontab -e). Nothing was changed.\n",
    );
    return;
  }
  const units = systemdUnits(plan);
  const place = serviceOptions(context, manager);
  if (options.dryRun) {
    for (const { name, text } of units) context.stdout.write(`### ${place.directory}/${name}\n${text}\n`);
    context.stdout.write(`### without systemd, in a crontab\n${cronLines(plan).join("\n")}\n`);
    return;
  }
  const running = await findDaemon(settings);
  const { started } = await installService(units, running, place);
  const systemctl = manager === "user" ? "systemctl --user" : "systemctl";
  context.stderr.write(
    started
      ? `${daemonUnit} runs, and will at every boot; ${backupTimer} makes a backup every night.\n`
      : `Installed. A daemon (process ${running ?? 0}) works on the home already: stop it, then \`${systemctl} start ${daemonUnit}\`.\n`,
  );
  context.stderr.write(`Look at it: ${systemctl} status ${daemonUnit}; ${systemctl} list-timers ${backupTimer}\n`);
  if (manager === "user")
    context.stderr.write("It runs while you are logged in; `loginctl enable-linger` lets it run always.\n");
}

function managerOf(context: CommandContext, options: { readonly user?: true }): ServicePlan["manager"] {
  return options.user || context.environment.userId !== 0 ? "user" : "system";
}

function planOf(context: CommandContext, settings: Settings, manager: ServicePlan["manager"]): ServicePlan {
  const searched = (context.environment.env["PATH"] ?? "")
    .split(delimiter)
    .filter((directory) => isAbsolute(directory));
  return {
    binDirectory: join(dirname(context.sqlDirectory), "bin"),
    home: settings.home,
    configFile: settings.configFile,
    // A user's own programs are for his own service: what root runs must not be his to change.
    path: [...new Set([dirname(process.execPath), ...(manager === "user" ? searched : []), ...usualPath])].join(
      delimiter,
    ),
    manager,
  };
}

function serviceOptions({ environment }: CommandContext, manager: ServicePlan["manager"]): ServiceOptions {
  const words = manager === "user" ? ["--user"] : [];
  const configHome = environment.env["XDG_CONFIG_HOME"];
  const userUnits = join(
    configHome !== undefined && isAbsolute(configHome) ? configHome : join(environment.homeDirectory, ".config"),
    "systemd",
    "user",
  );
  return {
    directory: manager === "user" ? userUnits : systemUnits,
    systemctl: async (...more) => {
      try {
        return (await promisify(execFile)("systemctl", [...words, ...more])).stdout;
      } catch (error) {
        const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
        throw new BackupAwarenessError("INTERNAL", `systemctl ${[...words, ...more].join(" ")} failed: ${said}`, {
          hint: manager === "user" ? "is a user manager running (loginctl user-status)?" : "see journalctl -xe",
          cause: error,
        });
      }
    },
  };
}

function demandSystemd(): void {
  if (existsSync(systemdIsHere)) return;
  throw new BackupAwarenessError("USAGE", "there is no systemd here, so that nothing was installed by it", {
    hint: "take the lines out of your crontab (crontab -e)",
  });
}

/** A unit is readable by everybody and a password may stand in these, so that they are not copied. */
function warnOfVariables(context: CommandContext): void {
  const ignored = Object.keys(context.environment.env).filter(
    (name) =>
      name.startsWith("BACKUP_AWARENESS_") &&
      !["BACKUP_AWARENESS_HOME", "BACKUP_AWARENESS_CONFIG", "BACKUP_AWARENESS_DEBUG"].includes(name),
  );
  if (ignored.length === 0) return;
  context.stderr.write(
    `warning: the service does not see ${ignored.join(", ")}: write these settings into config.toml\n`,
  );
}
