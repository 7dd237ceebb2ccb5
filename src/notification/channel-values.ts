import { BackupAwarenessError } from "../contract/errors.ts";
import { nearestWord } from "../settings/nearest-word.ts";
import type { Secrets } from "./secrets.ts";

/** One thing that can be set of a channel. */
export type ChannelField = {
  readonly name: string;
  /** list: may be given several times. */
  readonly type: "text" | "url" | "number" | "choice" | "list";
  readonly help: string;
  readonly secret?: true;
  readonly required?: true;
  /** Of a text or a choice, as it would be given. */
  readonly fallback?: string;
  readonly choices?: readonly string[];
  /** Of a number. */
  readonly minimum?: number;
  readonly maximum?: number;
};

/** What is set of a channel, checked. Secrets are among them: never to be shown. */
export class ChannelValues {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** A text that is required or has a fallback. */
  text(name: string): string {
    const value = this.#values[name];
    if (typeof value !== "string") throw new BackupAwarenessError("CHANNEL_INVALID", `${name} is missing`);
    return value;
  }

  optionalText(name: string): string | null {
    const value = this.#values[name];
    return typeof value === "string" ? value : null;
  }

  number(name: string): number {
    const value = this.#values[name];
    if (typeof value !== "number") throw new BackupAwarenessError("CHANNEL_INVALID", `${name} is missing`);
    return value;
  }

  optionalNumber(name: string): number | null {
    const value = this.#values[name];
    return typeof value === "number" ? value : null;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? (value as string[]) : [];
  }
}

/** What is set of a channel, apart: what may be shown, and what is kept encrypted. */
export type SplitValues = { readonly config: Readonly<Record<string, unknown>>; readonly secrets: Secrets };

/** The values of `config` and `secrets` together, with the fallbacks of what is not set. */
export function joinValues(fields: readonly ChannelField[], { config, secrets }: SplitValues): ChannelValues {
  const fallbacks = fields.flatMap((field): [string, string | number][] =>
    field.fallback === undefined
      ? []
      : [[field.name, field.type === "number" ? Number(field.fallback) : field.fallback]],
  );
  return new ChannelValues({ ...Object.fromEntries(fallbacks), ...config, ...secrets });
}

/**
 * Reads texts, each a field's name and what is given for it, once or several times; secrets come apart.
 * Throws CHANNEL_INVALID, naming field and value (never a secret's).
 */
export function readValues(
  fields: readonly ChannelField[],
  given: ReadonlyMap<string, readonly string[]>,
): SplitValues {
  const names = fields.map(({ name }) => name);
  for (const name of given.keys()) {
    if (names.includes(name)) continue;
    const meant = nearestWord(name, names);
    throw new BackupAwarenessError("CHANNEL_INVALID", `${JSON.stringify(name)} is nothing that can be set here`, {
      hint: meant === null ? `there are: ${names.join(", ")}` : `did you mean ${meant}?`,
    });
  }
  const config: Record<string, unknown> = {};
  const secrets: Record<string, string | readonly string[]> = {};
  for (const field of fields) {
    const texts = given.get(field.name);
    if (texts === undefined || texts.length === 0) {
      if (field.required)
        throw new BackupAwarenessError("CHANNEL_INVALID", `${field.name} is missing: ${field.help}`, {
          hint: field.secret ? `--secret ${field.name}=FILE, or - for stdin` : `--set ${field.name}=VALUE`,
        });
      continue;
    }
    const value = readValue(field, texts);
    if (field.secret) secrets[field.name] = value as string | readonly string[];
    else config[field.name] = value;
  }
  return { config, secrets };
}

function readValue(field: ChannelField, texts: readonly string[]): string | number | readonly string[] {
  const [text = ""] = texts;
  if (field.type === "list") {
    for (const each of texts)
      refuseIf(field, each, each.trim() === "" || /[\0\r\n]/.test(each), "is empty or more than a line");
    return texts;
  }
  refuseIf(field, text, texts.length > 1, "is given more than once");
  refuseIf(field, text, text === "" || text.includes("\0"), "is empty");
  switch (field.type) {
    case "number": {
      const number = Number(text);
      const [minimum, maximum] = [field.minimum ?? 0, field.maximum ?? Number.MAX_SAFE_INTEGER];
      const fits = /^-?\d{1,15}$/.test(text) && number >= minimum && number <= maximum;
      refuseIf(field, text, !fits, `is no whole number from ${minimum} to ${maximum}`);
      return number;
    }
    case "choice":
      refuseIf(field, text, !(field.choices ?? []).includes(text), `is none of ${(field.choices ?? []).join(", ")}`);
      return text;
    case "url":
      refuseIf(field, text, !isHttpUrl(text), "is no http or https URL");
      return text;
    case "text":
      return text;
  }
}

function refuseIf(field: ChannelField, text: string, wrong: boolean, fault: string): void {
  if (!wrong) return;
  const shown = field.secret ? "what is given" : JSON.stringify(text);
  throw new BackupAwarenessError("CHANNEL_INVALID", `${field.name}: ${shown} ${fault}`, { hint: field.help });
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === "https:" || protocol === "http:") && username === "" && password === "";
}
