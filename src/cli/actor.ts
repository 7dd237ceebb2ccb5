/** Characters that a name keeps in the events; the rest of a longer one is cut. */
const longestName = 100;

export type ActorInput = {
  /** The operating system's name of the user; null: it has none for that number. */
  readonly userName: string | null;
  readonly userId: number | null;
  /** SUDO_USER: who called sudo. */
  readonly sudoUser: string | undefined;
  readonly hostName: string;
  readonly programName: string;
};

/** Who did it, as the events say: `alice@host via engine-config`, or `alice (sudo)@host via engine-config`. */
export function tellActor(input: ActorInput): string {
  const sudoUser = cleaned(input.sudoUser ?? "");
  const ownName = cleaned(input.userName ?? "") || `user ${input.userId ?? "unknown"}`;
  const name = sudoUser !== "" && sudoUser !== ownName ? `${sudoUser} (sudo)` : ownName;
  return `${name}@${cleaned(input.hostName)} via ${input.programName}`;
}

/** Whoever sets the environment must not write lines of his own into the audit log. */
function cleaned(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, "")
    .slice(0, longestName)
    .trim();
}
