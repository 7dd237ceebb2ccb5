import { type Command, Option } from "commander";
import { type Role, roles } from "../contract/api/permissions.ts";
import { BackupAwarenessError } from "../contract/errors.ts";
import { addUser, changeUser, readUsers, removeSecondFactor, setPassword, type User } from "../database/users.ts";
import { hashPassword } from "../server/password-hash.ts";
import { newPasswordLink } from "../server/password-links.ts";
import type { Settings } from "../settings/settings.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { printJson } from "./print-json.ts";
import { withDatabase } from "./with-database.ts";

/** As the API demands it (contract/api/user-schemas.ts). */
const shortestPassword = 12;
const longestPassword = 1000;

/** `backup-awareness user add|list|password|role|disable|enable`. */
export function addUserCommand(program: Command, context: CommandContext): void {
  const user = program
    .command("user")
    .summary("add, list and change who may sign in")
    .description(
      "Who may sign in to the console. A viewer reads; an operator also dismisses alerts, runs the check, adds engines and reports; an admin may do all.",
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness user add ann --role operator", "prints a link by which she sets her password"],
        ["backup-awareness user list", "who there is"],
        ["backup-awareness user password ann", "a new link, for who has forgotten it"],
      ),
    );
  addAddCommand(user, context);
  addListCommand(user, context);
  addPasswordCommand(user, context);
  addChangeCommand(user, context);
}

function addAddCommand(user: Command, context: CommandContext): void {
  user
    .command("add")
    .summary("add a user")
    .description("Adds a user and prints a link by which he sets his password: once, within an hour.")
    .argument("<name>", "small letters, digits, and . _ @ - after the first")
    .addOption(new Option("--role <role>", "what he may do").choices(roles).makeOptionMandatory())
    .addHelpText("after", examples(["backup-awareness user add ann --role viewer", "who only looks"]))
    .action(async (name: string, { role }: { role: Role }) => {
      await withDatabase(context, async ({ pool }, settings) => {
        await addUser(pool, name, role, context.actor);
        const link = await newPasswordLink(pool, name, context.actor, context.now());
        context.stdout.write(`${urlOf(settings)}${link.path}\n`);
        context.stderr.write(`user ${name} is added; the link sets the password, once, within an hour\n`);
      });
    });
}

function addListCommand(user: Command, context: CommandContext): void {
  user
    .command("list")
    .summary("list the users")
    .description("Lists the users with their roles.")
    .option("--json", "print them as JSON")
    .addHelpText("after", examples(["backup-awareness user list --json", "for a script"]))
    .action(async (options: { json?: true }) => {
      const users = await withDatabase(context, ({ pool }) => readUsers(pool));
      if (options.json) printJson(context.stdout, users.map(userAsJson));
      else context.stdout.write(users.map((one) => `${renderUser(one)}\n`).join(""));
      if (users.length === 0) context.stderr.write("there is no user; the daemon adds one when it starts\n");
    });
}

function addPasswordCommand(user: Command, context: CommandContext): void {
  user
    .command("password")
    .summary("set a user's password, or print a link that does")
    .description(
      "Prints a link by which the user sets a password: once, within an hour. With --stdin the password is the first line of standard input; all sessions of the user end.",
    )
    .argument("<name>", "the user's name")
    .option("--stdin", "read the password from standard input")
    .option("--remove-second-factor", "for who has lost his authenticator and his recovery codes")
    .addHelpText(
      "after",
      examples(
        ["backup-awareness user password ann", "a link for her"],
        ["backup-awareness user password ann --stdin < password.txt", "set it now"],
      ),
    )
    .action(async (name: string, options: { stdin?: true; removeSecondFactor?: true }) => {
      const password = options.stdin ? await readPassword() : null;
      await withDatabase(context, async ({ pool }, settings) => {
        if (options.removeSecondFactor) await removeSecondFactor(pool, name, context.actor);
        if (password !== null) {
          await setPassword(pool, name, await hashPassword(password), null, context.actor);
          context.stderr.write(`the password of user ${name} is set; he is signed out everywhere\n`);
          return;
        }
        const link = await newPasswordLink(pool, name, context.actor, context.now());
        context.stdout.write(`${urlOf(settings)}${link.path}\n`);
        context.stderr.write(`the link sets the password of user ${name}, once, within an hour\n`);
      });
    });
}

function addChangeCommand(user: Command, context: CommandContext): void {
  const change = (verb: string, told: string, isDisabled: boolean): void => {
    user
      .command(verb)
      .summary(`${verb} a user`)
      .description(
        isDisabled
          ? "Disables a user: he is signed out and cannot sign in. He stays in the list and in the events."
          : "Enables a user who was disabled.",
      )
      .argument("<name>", "the user's name")
      .addHelpText("after", examples([`backup-awareness user ${verb} ann`, told]))
      .action(async (name: string) => {
        await withDatabase(context, ({ pool }) => changeUser(pool, name, { isDisabled }, context.actor));
        context.stderr.write(`user ${name} is ${verb}d\n`);
      });
  };
  change("disable", "she has left", true);
  change("enable", "she is back", false);
  user
    .command("role")
    .summary("give a user another role")
    .description("Gives a user another role; it holds at once, also where he is signed in.")
    .argument("<name>", "the user's name")
    .argument("<role>", "viewer, operator or admin")
    .addHelpText("after", examples(["backup-awareness user role ann admin", "she may do all from now on"]))
    .action(async (name: string, role: string) => {
      if (!roles.some((known) => known === role))
        throw new BackupAwarenessError("USAGE", `${JSON.stringify(role)} is no role`, {
          hint: `the roles are ${roles.join(", ")}`,
        });
      await withDatabase(context, ({ pool }) => changeUser(pool, name, { role: role as Role }, context.actor));
      context.stderr.write(`user ${name} is ${role} from now on\n`);
    });
}

async function readPassword(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const [line = ""] = Buffer.concat(chunks).toString("utf8").split(/\r?\n/, 1);
  if (line.length < shortestPassword || line.length > longestPassword)
    throw new BackupAwarenessError("USER_INVALID", `the password has ${line.length} characters`, {
      hint: `it must have ${shortestPassword} or more, of any kind`,
    });
  return line;
}

/** Where the console is, as far as the settings tell. */
function urlOf({ listen }: Settings): string {
  const isAny = listen.host === "0.0.0.0" || listen.host === "::";
  const host = isAny ? "localhost" : listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  return `http://${host}:${listen.port}`;
}

function renderUser(user: User): string {
  return [
    user.name,
    user.role,
    user.isDisabled ? "disabled" : user.passwordHash === null ? "no password yet" : "enabled",
    ...(user.totpSecret === null ? [] : ["second factor"]),
    user.lastLoginAt === null ? "never signed in" : `signed in ${user.lastLoginAt.toISOString()}`,
  ].join("  ");
}

function userAsJson(user: User) {
  return {
    name: user.name,
    role: user.role,
    is_disabled: user.isDisabled,
    has_password: user.passwordHash !== null,
    has_second_factor: user.totpSecret !== null,
    created_at: user.createdAt.toISOString(),
    last_login_at: user.lastLoginAt?.toISOString() ?? null,
  };
}
