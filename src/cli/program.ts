import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addAlertsCommand } from "./alerts.ts";
import { addChannelCommand } from "./channel.ts";
import { addCheckCommand } from "./check.ts";
import { addDatabaseCommand } from "./database.ts";
import { addDeliveriesCommand, addNotificationsCommand } from "./deliveries.ts";
import { addDoctorCommand } from "./doctor.ts";
import { addEnginesCommand } from "./engines.ts";
import { addEventsCommand } from "./events.ts";
import { addMaintenanceCommand } from "./maintenance.ts";
import { examples, newProgram } from "./new-program.ts";
import { addRuleCommand } from "./rule.ts";
import { addImportCommand } from "./import.ts";
import { addImportersCommand } from "./importers.ts";
import { addRunCommand } from "./run.ts";
import { addServiceCommand } from "./service.ts";
import { addStartCommand } from "./start.ts";
import { addStatusCommand } from "./status.ts";
import { addTokenCommand } from "./token.ts";
import { addUserCommand } from "./user.ts";

type AddCommand = (program: Command, context: CommandContext) => void;

/** One file each, in the order of the help. */
const commands: readonly AddCommand[] = [
  addStartCommand,
  addStatusCommand,
  addCheckCommand,
  addEventsCommand,
  addAlertsCommand,
  addEnginesCommand,
  addChannelCommand,
  addRuleCommand,
  addMaintenanceCommand,
  addNotificationsCommand,
  addDeliveriesCommand,
  addUserCommand,
  addTokenCommand,
  addDatabaseCommand,
  addRunCommand,
  addImportCommand,
  addImportersCommand,
  addDoctorCommand,
  addServiceCommand,
];

/** The program `backup-awareness`: the daemon and the operators' commands. */
export function backupAwarenessProgram(context: CommandContext): Command {
  const program = newProgram(
    context,
    "Records every backup, warns while there is no full and fresh one, and shows the proof.",
  );
  program.addHelpText(
    "after",
    examples(
      ["backup-awareness start", "run the daemon"],
      ["backup-awareness status", "is there a full and fresh backup?"],
      ["backup-awareness COMMAND --help", "more of one command"],
    ),
  );
  for (const add of commands) add(program, context);
  return program;
}
