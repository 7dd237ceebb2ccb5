import { spawn } from "node:child_process";
import { once } from "node:events";
import { isAbsolute } from "node:path";
import { printable } from "../../../contract/printable.ts";
import type { ChannelKind, SendMeans } from "../../channel-kind.ts";
import type { ChannelValues } from "../../channel-values.ts";
import type { Message } from "../../message.ts";
import { messageAsJson } from "../../render-json.ts";
import { renderText } from "../../render-text.ts";
import type { SendResult } from "../../send-result.ts";

const longestOutput = 500;

export const command: ChannelKind = {
  kind: "command",
  title: "Local command",
  grouping: "list",
  fields: [
    {
      name: "command",
      type: "list",
      required: true,
      help: "an absolute path, then arguments, each by itself; it is run without a shell and reads the message as JSON",
    },
  ],
  faultOf: (values) => (isAbsolute(values.list("command")[0] ?? "") ? null : "the command is no absolute path"),
  send,
};

async function send(message: Message, values: ChannelValues, means: SendMeans): Promise<SendResult> {
  if (!means.allowCommand) {
    return {
      outcome: "permanent",
      answer:
        "local commands are off: set notification.allow_command = true in config.toml, and start the daemon again",
    };
  }
  const [program = "", ...parameters] = values.list("command");
  const child = spawn(program, parameters, {
    cwd: "/",
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
      BACKUP_AWARENESS_MESSAGE_KIND: message.kind,
      BACKUP_AWARENESS_MESSAGE_SEVERITY: message.severity,
      BACKUP_AWARENESS_MESSAGE_TITLE: message.title,
      // A variable has its longest; the whole stands in the JSON.
      BACKUP_AWARENESS_MESSAGE_TEXT: renderText(message).slice(0, 30_000),
    },
    stdio: ["pipe", "pipe", "pipe"],
    signal: means.signal,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-longestOutput)));
  child.stdin.on("error", () => undefined); // it may not want to read
  child.stdin.end(JSON.stringify(messageAsJson(message)));
  let code: number | null;
  let signal: string | null;
  try {
    [code, signal] = (await once(child, "close")) as [number | null, string | null];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const cannotStart =
      error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EACCES");
    return { outcome: cannotStart ? "permanent" : "temporary", answer: reason };
  }
  const said = printable(output).trim();
  const answer = `${code === null ? `ended by ${signal ?? "a signal"}` : `exit code ${code}`}${said === "" ? "" : `: ${said}`}`;
  return { outcome: code === 0 ? "accepted" : "temporary", answer };
}
