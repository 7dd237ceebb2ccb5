import { randomBytes, randomUUID } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { formatPassfileLine, passwordFromPassfile } from "../passfile.ts";
import { embeddedDatabaseName, embeddedHost, loginRoles, type EmbeddedPlaces, type LoginRole } from "./places.ts";

export type Passwords = Readonly<Record<LoginRole, string>>;

/**
 * The passwords of the cluster's roles, from their passfiles; one that is missing is made and kept, mode 0600. Each role has a file of
 * its own, so that whoever is given the reporter's cannot read the others'. The caller holds the cluster's lock.
 */
export async function keepPasswords(places: EmbeddedPlaces): Promise<Passwords> {
  const entries: [LoginRole, string][] = [];
  for (const role of loginRoles) {
    entries.push([role, (await readPassword(places, role)) ?? (await makePassword(places, role))]);
  }
  return Object.fromEntries(entries) as Record<LoginRole, string>;
}

async function readPassword(places: EmbeddedPlaces, role: LoginRole): Promise<string | null> {
  try {
    const text = await readFile(places.passfile(role), "utf8");
    return passwordFromPassfile(text, { host: embeddedHost, port: 5432, database: embeddedDatabaseName, user: role });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

async function makePassword(places: EmbeddedPlaces, role: LoginRole): Promise<string> {
  const password = randomBytes(24).toString("base64url");
  // Any port: another one is taken when this one is occupied at a start, and the file need not follow.
  const line = formatPassfileLine({ host: embeddedHost, port: "*", database: "*", user: role, password });
  await writeDurably(places.passfile(role), line);
  return password;
}

/** Writes a file, mode 0600, so that it is there whole or not at all, also after a power cut. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
