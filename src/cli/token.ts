import { type Command, InvalidArgumentError, Option } from "commander";
import { type TokenKind, tokenKinds } from "../contract/api/permissions.ts";
import { printable } from "../contract/printable.ts";
import { createToken, readTokens, revokeToken, type Token } from "../database/tokens.ts";
import type { CommandContext } from "./command-context.ts";
import { examples } from "./new-program.ts";
import { parseMoment } from "./parse-moment.ts";
import { printJson } from "./print-json.ts";
import { withDatabase } from "./with-database.ts";

/** `backup-awareness token create|list|revoke`. */
export function addTokenCommand(program: Command, context: CommandContext): void {
  const token = program
    .command("token")
    .summary("make, list and revoke keys for scripts that use the API")
    .description(
      "Keys for scripts that use the API. A report token can do nothing but report, and only for its engine; a read token reads; an admin token may do what an administrator may.",
    )
    .addHelpText(
      "after",
      examples(
        ["backup-awareness token create nightly --kind report --engine db1.example.com", "for that host's cron"],
        ["backup-awareness token list", "whose there are, and when each was used last"],
        ["backup-awareness token revoke 3", "it works no longer"],
      ),
    );
  addCreateCommand(token, context);
  addListCommand(token, context);
  addRevokeCommand(token, context);
}

type CreateOptions = {
  readonly kind: TokenKind;
  readonly engine?: string;
  readonly expires?: Date;
  readonly json?: true;
};

function addCreateCommand(token: Command, context: CommandContext): void {
  token
    .command("create")
    .summary("make a token, which is shown this once")
    .description(
      "Makes a token and prints it, this once: only its hash is kept. Give it to a script in the header `Authorization: Bearer TOKEN`.",
    )
    .argument("<name>", "what it is for")
    .addOption(new Option("--kind <kind>", "what it may do").choices(tokenKinds).makeOptionMandatory())
    .option("--engine <pattern>", "for a report token: the engine, or a pattern, as *.example.com or *")
    .option(
      "--expires <when>",
      "until when it works: 90d, 2w, or a day as 2027-01-31; without it, until it is revoked",
      (text) => parseExpiry(text, context.now()),
    )
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      examples(
        [
          "backup-awareness token create nightly --kind report --engine db1.example.com --expires 365d",
          "one host, one year",
        ],
        ["backup-awareness token create site --kind report --engine '*.example.com'", "all hosts of a site"],
        ["backup-awareness token create dashboard --kind read", "for a page that shows states"],
      ),
    )
    .action(async (name: string, options: CreateOptions) => {
      const { kind, engine = null, expires: expiresAt = null } = options;
      const created = await withDatabase(context, ({ pool }) =>
        createToken(pool, { name, kind, engine, expiresAt }, context.actor),
      );
      if (options.json) printJson(context.stdout, { id: created.id, token: created.secret });
      else context.stdout.write(`${created.secret}\n`);
      context.stderr.write(`token ${created.id} is made; it is shown this once\n`);
    });
}

function addListCommand(token: Command, context: CommandContext): void {
  token
    .command("list")
    .summary("list the tokens, without their secrets")
    .description("Lists the tokens that work, the newest first.")
    .option("--all", "also those that were revoked or have expired")
    .option("--json", "print them as JSON")
    .addHelpText("after", examples(["backup-awareness token list --all --json", "also the revoked ones, for a script"]))
    .action(async (options: { all?: true; json?: true }) => {
      const all = await withDatabase(context, ({ pool }) => readTokens(pool));
      const shown = options.all ? all : all.filter((one) => stateOf(one, context.now()) === "valid");
      if (options.json) printJson(context.stdout, shown.map(tokenAsJson));
      else context.stdout.write(shown.map((one) => `${renderToken(one, context.now())}\n`).join(""));
      if (shown.length === 0) context.stderr.write("there is no token\n");
    });
}

function addRevokeCommand(token: Command, context: CommandContext): void {
  token
    .command("revoke")
    .summary("make a token worthless")
    .description("Revokes a token: it works no longer, and cannot be brought back. It stays in the list, with --all.")
    .argument("<id>", "its number", parseId)
    .addHelpText("after", examples(["backup-awareness token revoke 3", "the one that `token list` calls 3"]))
    .action(async (id: number) => {
      const isNew = await withDatabase(context, ({ pool }) => revokeToken(pool, id, context.actor));
      context.stderr.write(`token ${id} ${isNew ? "works no longer" : "was revoked already"}\n`);
    });
}

/** A time to come: so long from now, or a moment. */
function parseExpiry(text: string, now: Date): Date {
  const span = now.getTime() - parseMoment(text, now).getTime();
  const isSpan = /^\d+[mhdw]$/.test(text);
  const at = new Date(now.getTime() + (isSpan ? span : -span));
  if (at <= now) throw new InvalidArgumentError("It must lie in the future.");
  return at;
}

function parseId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError("It must be the number of a token.");
  return Number(text);
}

function stateOf(token: Token, now: Date): "valid" | "revoked" | "expired" {
  if (token.revokedAt !== null) return "revoked";
  return token.expiresAt !== null && token.expiresAt <= now ? "expired" : "valid";
}

function renderToken(token: Token, now: Date): string {
  const { id, kind, prefix, engine, name, expiresAt, lastUsedAt } = token;
  return [
    String(id),
    `${prefix}…`,
    `${kind}${engine === null ? "" : ` for ${printable(engine)}`}`,
    printable(name),
    lastUsedAt === null ? "never used" : `used ${lastUsedAt.toISOString()} from ${token.lastUsedFrom ?? "?"}`,
    stateOf(token, now) === "valid"
      ? expiresAt === null
        ? "valid"
        : `until ${expiresAt.toISOString()}`
      : stateOf(token, now),
  ].join("  ");
}

function tokenAsJson(token: Token) {
  return {
    id: token.id,
    name: token.name,
    kind: token.kind,
    engine: token.engine,
    prefix: token.prefix,
    created_at: token.createdAt.toISOString(),
    created_by: token.createdBy,
    expires_at: token.expiresAt?.toISOString() ?? null,
    revoked_at: token.revokedAt?.toISOString() ?? null,
    last_used_at: token.lastUsedAt?.toISOString() ?? null,
    last_used_from: token.lastUsedFrom,
  };
}
