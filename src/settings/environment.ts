/** What this program may know of the process and the machine around it. Only src/cli/ makes one; everything else is handed it. */
export type Environment = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The effective user's number; null where users have none. */
  readonly userId: number | null;
  /** Absolute path of the user's home directory. */
  readonly homeDirectory: string;
  /** The host's fully qualified name: asked only when no setting names the engine. Never rejects. */
  readonly hostFqdn: () => Promise<string>;
};
